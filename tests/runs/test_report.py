"""Classes one by one: equal to scikit-learn and seqeval, on a terminal of 80 columns."""

import json

import numpy as np
import pytest
import torch
from seqeval.metrics import classification_report as entities_by_seqeval
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from rnnlab.data.batch import IGNORE
from rnnlab.diagnostics.confusion import plot_confusion
from rnnlab.nn.label_scores import LabelScores, StepAccuracy
from rnnlab.nn.metrics import EntityF1
from rnnlab.runs.report import as_lines
from tiny import CORPORA, SMALL, call


def drawn(count, classes, seed=0):
    rng = np.random.default_rng(seed)
    gold = rng.integers(0, classes - 1, count)  # the last never occurs
    guess = np.where(rng.random(count) < 0.6, gold, rng.integers(1, classes, count))
    return guess, gold


@pytest.mark.parametrize("metric", [LabelScores, StepAccuracy])
def test_scores_are_those_of_scikit_learn(metric):
    labels = [f"class {n}" for n in range(5)]
    guess, gold = drawn(300, 5)
    scores = metric(labels)
    for part in (slice(100), slice(100, 300)):
        pair = torch.tensor(guess[part]), torch.tensor(gold[part])
        if metric is StepAccuracy:  # padded steps do not count
            pair = tuple(torch.cat([p, torch.tensor([fill])])[None] for p, fill in
                         zip(pair, (0, IGNORE), strict=True))  # fmt: skip
        scores.update(*pair)
    scores.compute()
    report = scores.facts.report
    expected = precision_recall_fscore_support(gold, guess, labels=range(5), zero_division=0)
    for found, wanted in zip(
        (report.precision, report.recall, report.f1, report.support), expected, strict=True
    ):
        assert found == pytest.approx(wanted.tolist(), abs=1e-12)
    matrix = np.array(report.confusion)[:5, :5]
    assert np.array_equal(matrix, confusion_matrix(gold, guess, labels=range(5)))


def test_scores_of_entities_are_those_of_seqeval():
    tags = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER"]
    rng = np.random.default_rng(1)
    gold = rng.integers(0, 5, (40, 12))
    guess = np.where(rng.random(gold.shape) < 0.7, gold, rng.integers(0, 5, gold.shape))
    scores = EntityF1(tags)
    scores.update(torch.tensor(guess), torch.tensor(gold))
    scores.compute()
    report = scores.facts.report
    named = [[[tags[at] for at in row] for row in ids] for ids in (gold, guess)]
    expected = entities_by_seqeval(*named, output_dict=True)
    for at, name in enumerate(report.labels):
        found = report.precision[at], report.recall[at], report.f1[at], report.support[at]
        keys = "precision", "recall", "f1-score", "support"
        assert found == pytest.approx([expected[name][key] for key in keys])
    types = np.array([2, 0, 0, 1, 1])  # O last
    assert report.steps == ["LOC", "PER", "O"]
    matrix = confusion_matrix(types[gold].ravel(), types[guess].ravel())
    assert np.array_equal(report.confusion, matrix)


@pytest.mark.parametrize("classes", [2, 3, 9, 15, 16, 40])
def test_a_report_fits_a_terminal_and_shows_the_worst(classes):
    labels = [f"a long name of a class, number {n}" for n in range(classes)]
    guess, gold = drawn(5000, classes)
    scores = LabelScores(labels)
    scores.update(torch.tensor(guess), torch.tensor(gold))
    scores.compute()
    report = scores.facts.report
    lines = as_lines(report)
    assert max(map(len, lines)) <= 71
    assert len(lines) < 30
    listed = sum("a long name" in line and " 0." in line for line in lines)
    if classes > 15:
        assert f"... the 15 lowest f1 of {classes} (report.json has all)" in lines
        assert listed == 15
    else:
        assert listed == classes
    assert plot_confusion(report) is not None


@pytest.mark.parametrize("task", ["sentiment", "ner"])
def test_a_run_and_its_evaluation_report_the_same(tmp_path, monkeypatch, capsys, task):
    monkeypatch.chdir(tmp_path)
    words = [*CORPORA[task](tmp_path), f"task={task}", *SMALL, "hydra.run.dir=run"]
    said = call(capsys, "train", *words)
    assert said.code == 0, said.err
    kept = json.loads((tmp_path / "run" / "report.json").read_text())
    assert (tmp_path / "run" / "figures" / "confusion.png").stat().st_size > 3000
    assert "test     " in said.out
    assert max(len(line) for line in said.out.splitlines() if line.startswith("test ")) <= 80
    again = call(capsys, "evaluate", "checkpoint=run", "output=other")
    assert json.loads(again.out)["report"] == kept
    assert json.loads((tmp_path / "other" / "report.json").read_text()) == kept
    assert "precision" in again.err
