import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from seqeval import metrics as seqeval
from seqeval.metrics.sequence_labeling import get_entities

from rnnlab.data.batch import IGNORE
from rnnlab.data.tag_schemes import is_iob, valid_iob2
from rnnlab.nn.metrics import EntityF1

TAGS = ["O", "B-LOC", "I-LOC", "B-PER", "I-PER", "I-MISC"]  # a B-MISC was never seen
SENTENCE = st.lists(st.sampled_from(TAGS), min_size=1, max_size=9)


def padded(sentences):
    steps = max(map(len, sentences))
    rows = [[TAGS.index(t) for t in s] + [IGNORE] * (steps - len(s)) for s in sentences]
    return torch.tensor(rows)


@st.composite
def corpora(draw):
    """Pairs of gold and predicted tags; half of the steps agree on average."""
    gold = draw(st.lists(SENTENCE, min_size=1, max_size=6))
    predicted = [
        [draw(st.sampled_from([tag, tag, *TAGS])) for tag in sentence] for sentence in gold
    ]
    return gold, predicted


def score(metric, gold, predicted):
    target = padded(gold)
    ids = padded(predicted)
    # what a model says beyond a sentence's end is noise
    ids = torch.where(target == IGNORE, torch.randint_like(ids, len(TAGS)), ids)
    metric.update(ids, target)


@settings(deadline=None)
@given(SENTENCE)
def test_valid_iob2_is_valid_keeps_the_entities_and_is_stable(tags):
    fixed = valid_iob2(tags)
    assert get_entities(fixed) == get_entities(tags)
    assert valid_iob2(fixed) == fixed
    for before, tag in zip(["O", *fixed], fixed, strict=False):
        assert not tag.startswith("I-") or before[2:] == tag[2:]


def test_valid_iob2_converts_iob1():
    iob1 = ["I-PER", "I-PER", "O", "I-LOC", "B-LOC", "I-LOC", "I-ORG"]
    assert valid_iob2(iob1) == ["B-PER", "I-PER", "O", "B-LOC", "B-LOC", "I-LOC", "B-ORG"]


def test_is_iob():
    assert is_iob(TAGS)
    assert is_iob([])
    for strange in ("NN", "B-", "E-PER", "", "B"):
        assert not is_iob([*TAGS, strange])


@settings(deadline=None)
@given(corpora())
def test_scores_equal_seqeval(corpus):
    gold, predicted = corpus
    metric = EntityF1(TAGS)
    score(metric, gold, predicted)
    scores = {name: value.item() for name, value in metric.compute().items()}
    for name, function in {
        "precision": seqeval.precision_score,
        "recall": seqeval.recall_score,
        "f1": seqeval.f1_score,
    }.items():
        assert scores[name] == pytest.approx(function(gold, predicted, zero_division=0), abs=1e-6)
    # conlleval's accuracy, of the files as they would be written
    mended = [list(map(valid_iob2, tags)) for tags in (gold, predicted)]
    assert scores["accuracy"] == pytest.approx(seqeval.accuracy_score(*mended), abs=1e-6)
    for kind in ("LOC", "PER", "MISC"):
        alone = [[[t if t[2:] == kind else "O" for t in row] for row in c] for c in corpus]
        expected = seqeval.f1_score(*alone, zero_division=0)
        assert scores[f"f1_{kind}"] == pytest.approx(expected, abs=1e-6)


def test_scores_by_hand():
    gold = [["B-PER", "I-PER", "O", "B-LOC"], ["B-LOC"]]
    predicted = [["B-PER", "I-PER", "O", "B-PER"], ["I-LOC"]]
    metric = EntityF1(TAGS)
    score(metric, gold, predicted)
    scores = {name: round(value.item(), 4) for name, value in metric.compute().items()}
    assert scores == {
        "precision": 0.6667,  # 2 of 3
        "recall": 0.6667,  # 2 of 3
        "f1": 0.6667,
        "accuracy": 0.8,  # 4 of 5
        "f1_LOC": 0.6667,  # 1 right, 1 predicted, 2 gold
        "f1_MISC": 0.0,
        "f1_PER": 0.6667,  # 1 right, 2 predicted, 1 gold
    }


@settings(deadline=None)
@given(corpora(), st.integers(1, 5))
def test_batches_and_processes_add_up(corpus, cut):
    gold, predicted = corpus
    whole, first, second = EntityF1(TAGS), EntityF1(TAGS), EntityF1(TAGS)
    score(whole, gold, predicted)
    for row in range(len(gold)):  # one batch a sentence, shared by two processes
        score(first if row < cut else second, gold[row : row + 1], predicted[row : row + 1])
    if second.update_called:
        # what torchmetrics does with the states of several processes
        for state, reduce in first._reductions.items():
            both = torch.stack([getattr(first, state), getattr(second, state)])
            setattr(first, state, reduce(both))
    assert first.compute() == whole.compute()


def test_reset_starts_anew():
    metric = EntityF1(TAGS)
    score(metric, [["B-PER"]], [["O"]])
    assert metric.compute()["f1"] == 0
    metric.reset()
    score(metric, [["B-PER"]], [["B-PER"]])
    assert metric.compute()["f1"] == 1
    assert metric.state_dict() == {}  # nothing of it belongs into a checkpoint


def test_updates_in_inference_mode_and_outside_mix():
    metric = EntityF1(TAGS)
    with torch.inference_mode():
        score(metric, [["B-PER"]], [["B-PER"]])
        metric.reset()
        score(metric, [["B-PER"]], [["B-PER"]])
    score(metric, [["B-LOC"]], [["O"]])
    assert metric.compute()["recall"] == 0.5
