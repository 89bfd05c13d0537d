import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench import report
from bench.problems import PROBLEMS
from bench.sections import SECTIONS
from bench.tables import grid, ragged, tasks
from bench.targets import TARGETS, check
from bench.timing import interleave, quartiles, speedup
from benchmark import main
from tabular import markdown

ROOT = Path(__file__).parents[2]


def test_quartiles() -> None:
    assert quartiles([3.0, 1.0, 5.0, 2.0, 4.0]) == (2.0, 3.0, 4.0)
    assert quartiles([7.0]) == (7.0, 7.0, 7.0)


def cells(table: str) -> list[list[str]]:
    """Of a Markdown table, without padding and the line below the heads."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines]
    return [rows[0], *rows[2:]]


def test_speedup() -> None:
    seconds = {"fast": [1.0, 2.0, 4.0], "slow": [2.0, 6.0, 16.0]}
    assert speedup(seconds, "fast", "slow") == (3.0, 2.5, 3.5)  # rounds: 2, 3, 4


def test_interleave_takes_turns_and_rotates() -> None:
    calls: list[str] = []
    variants = {name: lambda name=name: calls.append(name) for name in "abc"}
    timings = interleave(variants, budget=0.0, least=3)
    assert "".join(calls) == "abc" + "abc" + "bca" + "cab"  # the first is to get warm
    assert all(len(timing.times) == 3 for timing in timings.values())


def test_a_measurement_is_of_one_call(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("bench.timing.timer", lambda: now[0])

    def work() -> None:
        now[0] += 2.0

    timing = interleave({"a": work}, budget=0.0, calls=5, least=2)["a"]
    assert timing.times == [2.0, 2.0]
    assert timing.median == 2.0


def test_every_target_is_measured_somewhere() -> None:
    names = {problem.name for problem in PROBLEMS}
    for target in TARGETS:
        assert target.section in SECTIONS
        assert target.section in ("layers", "ragged") or target.case in names


def section(rows: list[dict[str, object]], size: str = "full") -> dict[str, object]:
    return {"size": size, "rows": rows}


def test_targets_reached_or_not() -> None:
    row = {
        "name": "sentiment LSTM",
        "tokens": [8],
        "seconds": {"rnnlab": [1.0], "tutorial": [9.0], "careful": [0.5]},
    }
    reached = check({"sections": {"sentiment": section([row])}})
    assert [(each.target.slow, each.ratio, each.reached) for each in reached] == [
        ("tutorial", 9.0, True),
        ("careful", 0.5, False),
    ]
    assert check({"sections": {"sentiment": section([row], size="tiny")}}) == []


def test_tokens_a_second_are_medians_over_rounds() -> None:
    row = {
        "name": "a net",
        "parameters": {"rnnlab": 1_500_000, "careful": 1_500_000},
        "tokens": [100, 300, 200],
        "seconds": {"rnnlab": [1.0, 1.0, 1.0], "careful": [2.0, 2.0, 2.0]},
        "predicting": {},
    }
    assert cells(tasks(section([row])))[1:] == [
        ["a net", "rnnlab", "1.50", "200", "150 - 250", "", ""],
        ["a net", "careful", "1.50", "100", "75 - 125", "2.00 (2.00 - 2.00)", "2.00"],
    ]


def test_grid_marks_where_auto_is_wrong() -> None:
    def row(cell: str, shape: str, fused: float, bptt: float) -> dict[str, object]:
        return {"cell": cell, "shape": shape, "seconds": {"fused": [fused], "bptt": [bptt]}}

    rows = [
        row("gru", "8, 10, 100, 64", 2.0, 1.0),
        row("gru", "8, 100, 100, 64", 1.0, 2.0),
        row("lstm", "8, 10, 100, 64", 1.0, 2.0),
        row("lstm", "8, 100, 100, 64", 1.03, 1.0),
    ]
    text = grid(section(rows))
    assert cells(text) == [
        ["B, T", "GRU 64", "LSTM 64"],
        ["8, 10", "2.00", "0.50"],
        ["8, 100", "**0.50**", "1.03"],
    ]
    assert "in 1 of 4 places. At worst it is 2.00 times slower" in text.splitlines()[-1]


def test_ragged_is_against_shuffled_packed_sequences() -> None:
    seconds = {
        "nn packed, shuffled": [4.0],
        "nn packed, buckets": [2.0],
        "fused": [1.0],
        "bptt": [0.5],
    }
    last = ragged(section([{"cell": "gru", "shape": "x", "seconds": seconds}])).splitlines()[-1]
    assert re.findall(r"(\d+\.\d+) \(", last) == ["2.00", "4.00", "8.00"]


def test_markdown() -> None:
    lines = markdown(["a", "b"], [["x", "1"], ["", "1.50"]]).splitlines()
    assert lines == ["| a |    b |", "|:--|-----:|", "| x |    1 |", "|   | 1.50 |"]


def test_a_document_keeps_what_is_outside_of_the_marks(tmp_path: Path) -> None:
    document = tmp_path / "d.md"
    document.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n")
    report.fill(document, "new")
    assert document.read_text() == f"before\n{report.BEGIN}\n\nnew\n\n{report.END}\nafter\n"
    document.write_text("no marks")
    with pytest.raises(ValueError, match="no lines"):
        report.fill(document, "new")


@pytest.mark.docs
def test_the_documents_have_their_marks() -> None:
    text = (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert 0 < text.index(report.BEGIN) < text.index(report.END)


@pytest.mark.programs
def test_from_the_first_word_to_the_report(tmp_path: Path) -> None:
    output, document = tmp_path / "out" / "b.json", tmp_path / "doc.md"
    document.write_text(f"{report.BEGIN}\n{report.END}\n")
    words = ["--tiny", "--threads", "1", "--output", str(output), "--docs", str(document)]
    assert main(["ner", *words]) == 0
    first = json.loads(output.read_text())["sections"]["ner"]

    others = [name for name in SECTIONS if name != "ner"]
    done = subprocess.run(
        [sys.executable, "-W", "error", ROOT / "scripts" / "benchmark.py", *others, *words],
        capture_output=True, text=True, timeout=240, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""

    record = json.loads(output.read_text())
    assert set(record["sections"]) == set(SECTIONS)
    assert record["sections"]["ner"] == first  # the others were added to it
    assert first["threads"] == 1
    for name in ("sentiment", "ner", "translation"):
        for row in record["sections"][name]["rows"]:
            assert min(row["tokens"]) > 0
            assert {len(each) for each in row["seconds"].values()} == {len(row["tokens"])}
    assert first["rows"][0]["predicting"]["sentences_per_second"] > 0
    text = document.read_text()
    assert text.count("## ") == len(SECTIONS)
    assert re.search(r"\| translation GRU +\| careful, batched +\|", text)


def test_without_data_it_says_so_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("RNNLAB_DATA", str(tmp_path / "nothing"))
    output = tmp_path / "b.json"
    assert main(["ner", "ragged", "--quick", "--threads", "1", "--output", str(output)]) == 1
    said = capsys.readouterr().out.splitlines()
    assert [line for line in said if line in ("ner", "ragged")] == ["ner", "ragged"]
    left_out = [line for line in said if line.startswith("  left out: ")]
    assert len(left_out) == 2
    assert all(str(tmp_path / "nothing") in line for line in left_out)


def test_an_unknown_section_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["nre"])
    assert stopped.value.code == 2
    assert "no section nre; there are layers, grid" in capsys.readouterr().err
