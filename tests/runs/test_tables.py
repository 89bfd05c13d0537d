"""Tables: every cell as it was given, columns aligned, markup escaped."""

import csv
from html.parser import HTMLParser

import pytest

from rnnlab.runs.tables import as_html, as_markdown, as_text, fitted, flat, write_csv

ROWS = [
    {"name": "a|b <i>", "seed": "007", "score": 0.12345},
    {"name": "  longer name", "score": None, "lr": "1e-5"},
]
SHOWN = [["a|b <i>", "007", "0.1235", "-"], ["  longer name", "-", "-", "1e-5"]]


def test_text_is_aligned_and_no_text_is_taken_for_a_number():
    head, *lines = as_text(ROWS).splitlines()
    starts = [head.index(name) for name in ("name", "seed", "score", "lr")]
    ends = [*(start - 2 for start in starts[1:]), None]
    cells = [[line[a:b].rstrip() for a, b in zip(starts, ends, strict=True)] for line in lines]
    assert cells == SHOWN
    assert all(line == line.rstrip() for line in lines)


def test_a_narrow_terminal_gets_a_line_for_each_column(monkeypatch):
    rows = [
        {"layer": f"encoder.{n}", **{f"a long name {k}": n + k for k in range(6)}} for n in range(2)
    ]
    wide = as_text(rows)
    monkeypatch.setenv("COLUMNS", "80")
    assert fitted(rows) == wide  # no terminal: a file or a pipe
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    head, *lines = fitted(rows).splitlines()
    assert head.split() == ["layer", "encoder.0", "encoder.1"]
    assert [line.rsplit(maxsplit=2) for line in lines][5] == ["a long name 5", "5", "6"]
    assert fitted([{**row, "layer": "same"} for row in rows]).startswith("layer  a long name 0")
    assert fitted(rows * 9).splitlines()[0] == wide.splitlines()[0]  # no better the other way
    monkeypatch.setenv("COLUMNS", "200")
    assert fitted(rows) == wide


def test_a_bar_in_a_label_does_not_end_a_cell():
    assert as_markdown([{"group": "a|b"}]).splitlines()[-1] == "| a\\|b |"
    assert len({line.count(" | ") for line in as_markdown(ROWS).splitlines()[2:]}) == 1


def test_markup_in_a_cell_is_text():
    class Cells(HTMLParser):
        found: list[str] = []  # noqa: RUF012

        def handle_data(self, data):
            if data.strip():
                self.found.append(data)

    page = Cells()
    page.feed(as_html(ROWS))
    assert page.found == ["name", "seed", "score", "lr", *SHOWN[0], *SHOWN[1]]


def test_csv_has_every_column_and_plain_numbers(tmp_path):
    write_csv(tmp_path / "a.csv", ROWS)
    with (tmp_path / "a.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [list(row.values()) for row in rows] == [
        ["a|b <i>", "007", "0.12345", ""],
        ["  longer name", "", "", "1e-5"],
    ]


def test_a_configuration_as_dotted_keys():
    cell = {"_target_": "rnnlab.layers.lstm.LSTM", "hidden_size": 8, "dropout": None}
    found = flat({"cell": cell, "trust": ["a"], "deep": {"er": {"x": True}}, "logger": {}})
    assert found == {
        "cell": "LSTM",
        "cell.hidden_size": 8,
        "cell.dropout": None,
        "trust": "['a']",
        "deep.er.x": True,
        "logger": "{}",
    }


@pytest.mark.parametrize("write", [as_text, as_markdown, as_html])
def test_no_rows(write):
    assert write([]).strip() in ("", "<table>\n</table>")
