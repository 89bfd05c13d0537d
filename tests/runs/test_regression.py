"""Numbers that are learnt from a table of texts: a whole run, and mistakes in the table."""

import json
import re
from pathlib import Path

import pytest

from tiny import SMALL, call, refused, write

FILES = ["task=regression", "data=table_files", "data.text=review", "data.label=stars"]
SPLIT = ["data.split=[0.6,0.2,0.2]", "hydra.run.dir=run"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def table(label):
    """Reviews of one to three good words among others; `label` makes the number of a row."""
    rows = [f"{'good ' * (row % 3)}film number {row},{label(row)}" for row in range(60)]
    write(Path("reviews.csv"), "\n".join(["review,stars", *rows, ""]))
    return [*FILES, "data.train=reviews.csv", *SPLIT, *SMALL]


def test_a_run_ends_with_its_verdict(capsys):
    words = table(lambda row: 1.5 * (row % 3))
    said = call(
        capsys, "train", *words, "trainer.max_epochs=5", "optimizer.lr=0.05", "baseline=true"
    )
    assert said.code == 0, said.err
    record = json.loads(Path("run/metrics.json").read_text())
    test, bag = record["test"]["mse"], record["baseline"]["test"]["mse"]
    assert test < 1
    assert "numbers from 0 to 3, mean " in said.out
    first = record["verdict"][0]
    assert re.match(rf"test\.mse {test:.4f} is (no )?better than ", first)
    assert "the mean of the training values (" in " ".join(record["verdict"])
    assert f"a bag of words ({bag:.4f})" in " ".join(record["verdict"])
    assert all(len(line) <= 80 for line in said.out.splitlines() if line.startswith("verdict"))


MISTAKES = {
    "words": (
        lambda row: "good" if row % 2 else "bad",
        r"reviews\.csv:\d+: '\w+' is no number \(column 'stars'\); labels that are words are "
        "learnt by task=classification",
    ),
    "one word": (
        lambda row: "n/a" if row == 7 else row,
        r"reviews\.csv:9: 'n/a' is no number \(.*\)",
    ),
    "constant": (
        lambda row: "3" if row % 2 else "3.0",
        r"reviews\.csv: only one number, 3(\.0)?, in 36 rows \(column 'stars'\): there is no.*",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_one_line(mistake, capsys):
    label, message = MISTAKES[mistake]
    said = refused(call(capsys, "train", *table(label)))
    assert re.fullmatch(message, said), said


def test_a_column_that_is_not_there(capsys):
    said = refused(call(capsys, "train", *table(float), "data.label=star"))
    assert said.startswith(
        "reviews.csv:1: no column 'star'; the columns are 'review', 'stars'; did"
    )


def test_numbers_are_described(capsys):
    said = call(capsys, "data", "describe", *table(lambda row: row % 3))
    assert "         numbers from 0 to 2, mean " in said.out
