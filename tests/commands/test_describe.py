"""`rnnlab data describe`: what is in a stranger's data, and what is odd about it."""

import pytest

from tiny import CORPORA, call

TRAIN = """text,label
a good film,pos
A  good film,pos
a good film,neg
,neg
the fault of the cafÃ©,neg
"""


@pytest.fixture
def said(tmp_path, capsys):
    (tmp_path / "a.csv").write_text(TRAIN)
    (tmp_path / "b.csv").write_text("text,label\na good film,pos\nunheard of words,new\n")
    files = [
        f"data.{split}={tmp_path}/{file}.csv" for split, file in (("train", "a"), ("val", "b"))
    ]
    found = call(capsys, "data", "describe", "data=table_files", "data.max_length=4", *files)
    assert found.code == 0, found.err
    return found.out.replace(f"{tmp_path}/", "")


@pytest.mark.parametrize(
    "line",
    [
        "train    5 examples, 16 tokens; lengths 1 to 6",
        "train: 1 of 5 are longer than data.max_length=4 and are cut there; the longest has 6",
        "train: 2 repeats within it; first a.csv:3 as a.csv:2",
        "train: 1 repeats with another target; first a.csv:4 'neg', a.csv:2 'pos'",
        "train: 1 empty texts; first a.csv:5",
        "(a wrong encoding?); first a.csv:6 't of the cafÃ©'",
        "val: 1 texts that train has as well; first b.csv:2 as a.csv:2",
        "val: labels that train has not: 'new'",
        "val: 1 of 2 have mostly unknown words",
        "val      66.67% of the tokens are known; 2 different ones are not",
        "test: data.test: not given; name the file with data.test=FILE, or hold it out",
        "neg      3 (60.0%)  0 (0.0%)",
    ],
)
def test_what_is_odd_is_said_with_its_place(said, line):
    assert " ".join(line.split()) in " ".join(said.split())


@pytest.mark.parametrize("task", [*CORPORA])
def test_data_of_every_kind_is_described(tmp_path, capsys, task):
    words = [word for word in CORPORA[task](tmp_path) if word.startswith(("task=", "data"))]
    found = call(capsys, "data", "describe", *words)
    assert found.code == 0, found.err
    assert all(f"\n{split} " in found.out for split in ("train", "val", "test"))
    assert "Traceback" not in found.err


def test_wrong_options_are_one_line(capsys):
    found = call(capsys, "data", "describe", "data=table_files", "data.tex=a")
    assert found.code == 2
    assert found.err.startswith("data.tex: ") or "data.tex: " in found.err
