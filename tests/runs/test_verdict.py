"""The verdict on a run: what its figures do not say by themselves."""

import json

import pytest

from rnnlab.nn.label_scores import Facts
from rnnlab.runs.verdict import answers, compared, course
from rnnlab.training.history import Validation
from runs import merged
from tiny import SMALL, call, conll, write


def validations(*pairs):
    return [Validation(epoch, *pair) for epoch, pair in enumerate(pairs, start=1)]


def test_a_score_is_compared_in_its_direction():
    rivals = {"A": 0.5, "B": 0.7, "C": None}
    assert compared("f", "max", 0.7, rivals) == [
        "test.f 0.7000 is no better than B (0.7000)",
        "test.f 0.7000 is better than A (0.5000)",
    ]
    assert compared("f", "min", 0.6, rivals) == [
        "test.f 0.6000 is no better than A (0.5000)",
        "test.f 0.6000 is better than B (0.7000)",
    ]
    assert compared("f", "max", 0.8, {"A": 0.5, "B": 0.7}) == [
        "test.f 0.8000 is better than A (0.5000) and B (0.7000)"
    ]
    assert compared("f", "max", 0.8, {"C": None}) == []


def test_labels_that_were_never_predicted_are_named():
    assert answers(Facts()) == []
    assert answers(Facts(0.5, ["a", "b"])) == ["never predicted, though in the test data: a, b"]
    (sentence,) = answers(Facts(0.5, list("abcdefg")))
    assert sentence.endswith(": a, b, c, d, e and 2 more")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], None),
        ([(0.5, 1.0)], None),
        ([(0.5, 1.0), (0.6, 0.9)], "still learning"),
        ([(0.5, 1.0), (0.6, 1.01)], None),
        ([(0.5, 0.5), (0.5, 0.4)], None),  # as good as before
        ([(0.5, 1.0), (0.6, 0.8), (0.6, 0.83)], None),
        ([(0.5, 1.0), (0.6, 0.8), (0.6, 0.9), (0.65, 1.2)], "overfitted since epoch 2: "),
        ([(0.5, 1.0), (0.6, 0.8), (0.6, 1.2)], None),  # one validation may be an accident
        ([(-5.0, 1.0), (-4.0, 0.8), (-3.0, 0.5)], "still learning"),
    ],
)
def test_the_course_of_the_validation(given, expected):
    found = course(validations(*given))
    assert len(found) == (expected is not None)
    assert not found or found[0].startswith(expected)


@pytest.fixture
def lopsided(tmp_path):
    """Own mails: one class of three has more than half, and no word tells them apart."""
    rows = ["a film\tmost", "a film\tmost", "a film\tmost", "a film\tfew", "a film\trare"]
    file = write(tmp_path / "mails.tsv", "".join(f"{row}\n" for row in rows * 4))
    files = [f"data.{split}={file}" for split in ("train", "val", "test")]
    return ["task=sentiment", "data=sentiment_files", *files]


def test_a_model_that_says_one_class_is_told(tmp_path, lopsided, capsys):
    words = merged(
        [
            *SMALL,
            *lopsided,
            "trainer.max_epochs=3",
            "baseline=true",
            f"hydra.run.dir={tmp_path}/run",
        ]
    )
    said = call(capsys, "train", *words)
    assert said.code == 0
    record = json.loads((tmp_path / "run" / "metrics.json").read_text())
    first = record["verdict"][0]
    assert first.startswith("test.accuracy 0.6000 is no better than the most frequent answer (0.6")
    bag = record["baseline"]["test"]["accuracy"]
    assert any(f"a bag of words ({bag:.4f})" in each for each in record["verdict"])
    assert "never predicted, though in the test data: few, rare" in record["verdict"]
    assert [f"verdict  {each}" for each in record["verdict"]] == [
        line for line in said.out.splitlines() if line.startswith("verdict")
    ]


@pytest.mark.parametrize("task", ["ner", "adding"])
def test_every_task_gets_the_verdict_that_it_can_serve(task, tmp_path, capsys):
    data = conll(tmp_path) if task == "ner" else ["task=adding", "data.train_size=64"]
    words = merged(
        [*SMALL, *data, "trainer.max_epochs=2", "baseline=true", f"hydra.run.dir={tmp_path}/run"]
    )
    if task == "adding":
        words = [w for w in words if not w.startswith("embedding")]
    assert call(capsys, "train", *words).code == 0
    record = json.loads((tmp_path / "run" / "metrics.json").read_text())
    compared_with = [each for each in record["verdict"] if each.startswith("test.")]
    assert all("most frequent" not in each for each in compared_with)
    assert any("a bag of words" in each for each in compared_with) == (task == "ner")
