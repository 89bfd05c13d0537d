"""The verdict on a run: what its figures do not say by themselves."""

import json
import math

import pytest

from rnnlab.config.compose import compose_words
from rnnlab.config.trust import make
from rnnlab.data.batch import IGNORE
from rnnlab.data.vocab import END
from rnnlab.nn.label_scores import Facts
from rnnlab.runs.verdict import answers, compared, course
from rnnlab.training.archive import write_archive
from rnnlab.training.checkpoint import load_plain, read_checkpoint
from rnnlab.training.history import Validation
from runs import merged
from tiny import SMALL, call, conll, train, write


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
    words = " ".join(said.out.split())
    assert all(f"verdict {each}" in words for each in record["verdict"])
    closing = said.out[said.out.index("\ncompleted") :].splitlines()
    assert [line for line in closing if len(line) > 80 and str(tmp_path) not in line] == []


def unigram(words, *, bits):
    """What the frequencies of the training targets score on the test targets, by a slow loop."""
    data = make(compose_words("train", words).cfg["data"], [])
    size = data.spec().target_size
    counts = [0.5] * size
    for target in tokens(data.train_dataloader(), data.kind):
        counts[target] += 1
    test = tokens(data.test_dataloader(), data.kind)
    nll = -sum(math.log(counts[target] / sum(counts)) for target in test) / len(test)
    return nll / math.log(2) if bits else math.exp(nll)


def tokens(batches, kind):
    first = 1 if kind == "tokens" else 0  # `<s>` is given
    rows = [row[first:] for batch in batches for row in batch.target.tolist()]
    return [target for row in rows for target in row if target != IGNORE]


@pytest.mark.parametrize("task", ["language_model", "generate"])
def test_a_model_of_texts_is_compared_with_frequencies(task, tiny_run, capsys):
    run = tiny_run(task)
    record = json.loads((run.folder / "metrics.json").read_text())
    monitor = record["monitor"].removeprefix("val/")
    rival = unigram(run.words, bits=monitor == "bits_per_character")
    better = record["test"][monitor] < rival
    expected = (
        f"test.{monitor} {record['test'][monitor]:.4f} is {'better' if better else 'no better'} "
        f"than the frequencies of the training data ({rival:.4f})"
    )
    assert expected in record["verdict"]
    answer = json.loads(call(capsys, "evaluate", f"checkpoint={run.best}").out)
    assert answer["verdict"] == [s for s in record["verdict"] if s.startswith(("test.", "never"))]


def test_numbers_are_compared_with_their_mean(tmp_path, capsys):
    words = ["task=adding", "data.train_size=64", "data.test_size=40", f"hydra.run.dir={tmp_path}"]
    words += [word for word in SMALL if not word.startswith("embedding")]
    assert call(capsys, "train", *merged([*words, "optimizer.lr=1e-9"])).code == 0
    record = json.loads((tmp_path / "metrics.json").read_text())
    data = make(compose_words("train", merged(words)).cfg["data"], [])
    train, test = (
        [float(value) for batch in loader for value in batch.target.flatten()]
        for loader in (data.train_dataloader(), data.test_dataloader())
    )
    mean = sum(train) / len(train)
    rival = sum((value - mean) ** 2 for value in test) / len(test)
    score = record["test"]["mse"]
    assert (
        f"mse {score:.4f} is no better than the mean of the training values ({rival:.4f})"
        in (record["verdict"][0])
    )


@pytest.mark.parametrize(
    ("task", "sentence"),
    [
        ("ner", "predicts no entity at all"),
        ("translation", "the same answer to every source: ''"),
    ],
)
def test_a_model_that_says_the_same_to_everything_is_told(task, sentence, tmp_path, capsys):
    run = train(tmp_path, task)
    state, spec = load_plain(run.best), read_checkpoint(run.best).spec
    (bias,) = (
        value
        for name, value in state["state_dict"].items()
        if name.startswith("task.") and name.endswith(("head.bias", "output.bias"))
    )
    bias[spec.target.tokens.index("O" if task == "ner" else END)] += 1000.0
    write_archive(state, run.best)
    answer = json.loads(call(capsys, "evaluate", f"checkpoint={run.best}").out)
    assert sentence in answer["verdict"]
    assert not [each for each in answer["verdict"] if each.startswith("never")]


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
