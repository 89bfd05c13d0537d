"""A bag of words beside a recurrent run: printed, recorded, and of no influence on it."""

import json

import pytest
import torch

from rnnlab.runs import baseline
from runs import weights
from tiny import SMALL, call, conll, refused, sentiment, text

SLOW_ENOUGH = "rnnlab.runs.baseline.SHARE"
"""A tiny run's tenth is no time at all."""


def train(capsys, folder, *words, corpus=sentiment):
    given = [*corpus(folder / "data"), *SMALL, "optimizer.lr=0.01", *words]
    said = call(capsys, "train", *given, f"hydra.run.dir={folder / 'run'}")
    assert said.code == 0, said.err
    return said.out, json.loads((folder / "run/metrics.json").read_text())


def test_it_is_printed_and_recorded_and_changes_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(SLOW_ENOUGH, 1e9)
    monkeypatch.setattr("rnnlab.runs.baseline.RATE", 0.1)  # there are 36 steps
    said, record = train(capsys, tmp_path / "with", "baseline=true", "data.batch_size=4")
    found = record["baseline"]
    assert found["steps"] == 3 * 48 / 4
    # one word of each review tells the label: a bag of words learns it
    assert found["test"]["accuracy"] > 0.8
    line = " ".join(said.partition("\nbaseline ")[2].split())
    assert f"test.accuracy {found['test']['accuracy']:.4f}" in line
    assert "36 steps in" in line
    without, other = train(capsys, tmp_path / "without", "data.batch_size=4")
    assert "baseline" not in without
    assert "baseline" not in other
    assert record["test"] == other["test"]
    one, two = (weights(tmp_path / d / "run/checkpoints/last.ckpt") for d in ("with", "without"))
    assert all(torch.equal(value, two[name]) for name, value in one.items())
    again = call(capsys, "evaluate", f"checkpoint={tmp_path / 'with/run'}")
    assert json.loads(again.out)["test"] == pytest.approx(record["test"])


def test_it_takes_a_bounded_time(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(SLOW_ENOUGH, 0.0)
    _, record = train(capsys, tmp_path, "baseline=true")
    assert record["baseline"]["steps"] == 1


def test_tags_have_one_too(tmp_path, capsys):
    _, record = train(capsys, tmp_path, "baseline=true", "task.output=crf", corpus=conll)
    assert record["baseline"]["test"].keys() >= {"accuracy", "f1"}


@pytest.mark.parametrize(
    ("corpus", "words"),
    [
        (sentiment, ["encoder=bow"]),
        (text, []),
    ],
)
def test_where_it_says_nothing_it_is_left_out(corpus, words, tmp_path, capsys):
    said, record = train(capsys, tmp_path, "baseline=true", *words, corpus=corpus)
    assert "baseline" not in said
    assert "baseline" not in record


@pytest.mark.parametrize(("limit", "left_out"), [("1", True), ("0.6", True), ("1.0", False)])
def test_beside_a_run_on_a_part_of_the_data_it_is_left_out(tmp_path, capsys, limit, left_out):
    words = ["baseline=true", f"trainer.limit_train_batches={limit}", "data.batch_size=8"]
    said, record = train(capsys, tmp_path, *words)
    line = "baseline no bag of words: trainer.limit_train_batches leaves out data"
    assert (line in said.splitlines()) == left_out
    assert ("baseline" in record) != left_out


def test_it_tags_each_word_by_itself(tmp_path, capsys, monkeypatch):
    """Beside a CRF as well: wherever a word stands, it is the same kind of entity, or none."""
    monkeypatch.setattr(SLOW_ENOUGH, 1e9)
    made = []
    real = baseline.build_model
    monkeypatch.setattr(baseline, "build_model", lambda *a: made.append(real(*a)) or made[-1])
    options = ["task.output=crf", "task.constrained=true"]
    train(capsys, tmp_path, "baseline=true", *options, corpus=conll)
    (model,) = made
    model.encoder.eval()
    model.task.eval()
    ids = torch.randint(2, 8, (6, 9), generator=torch.Generator().manual_seed(0))
    tags = model.task.predict(model.encoder(ids, torch.full((6,), 9)))
    found = {}
    for row, answer in zip(ids.tolist(), tags, strict=True):
        for word, tag in zip(row, answer, strict=True):
            found.setdefault(word, set()).add(tag.rpartition("-")[2])
    assert len(found) == 6
    assert all(len(each) == 1 for each in found.values())


def test_a_wrong_value_is_one_line(tmp_path, capsys):
    said = refused(call(capsys, "train", *sentiment(tmp_path), *SMALL, "baseline=perhaps"))
    assert said.startswith("baseline: 'perhaps' is not")
