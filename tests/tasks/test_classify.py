import math

import pytest
import torch
from torch.nn import functional

from rnnlab.data.batch import Batch
from rnnlab.data.spec import Spec
from rnnlab.data.vocab import PAD, UNK, Vocab
from rnnlab.errors import ConfigError
from rnnlab.layers.gru import GRU
from rnnlab.nn.embedding import RandomVectors
from rnnlab.nn.encoded import Encoded
from rnnlab.nn.metrics import UnitMean
from rnnlab.nn.pooling import POOLINGS
from rnnlab.nn.recurrent import RecurrentEncoder
from rnnlab.tasks.classify import Classify, Label

SOURCE = Vocab([PAD, UNK, "a", "b", "c"])
LABELS = Vocab(["neg", "neutral", "pos"])
SPEC = Spec(SOURCE, LABELS, "label")


def make(**options):
    torch.manual_seed(0)
    embedding = RandomVectors(embedding_dim=6, std=1.0).module(SOURCE)
    encoder = RecurrentEncoder(embedding, lambda size: GRU(size, hidden_size=8), bidirectional=True)
    return encoder, Classify(encoder, SPEC, **options)


def batch(extra=0, noise=0):
    """Three sequences; the label is decided by the first token."""
    inputs = torch.tensor([[2, 3, 4, 2], [3, 2, 0, 0], [4, 0, 0, 0]])
    inputs = torch.cat([inputs, torch.zeros(3, extra, dtype=torch.long)], dim=1)
    lengths = torch.tensor([4, 2, 1])
    beyond = torch.arange(inputs.shape[1]) >= lengths.unsqueeze(1)
    return Batch(inputs.masked_fill(beyond, noise), lengths, torch.tensor([0, 1, 2]))


def run(encoder, data):
    return encoder(data.inputs, data.lengths)


def given_logits(task, logits):
    """What an encoder would have to say for these logits (head as the identity)."""
    with torch.no_grad():
        task.head.weight.copy_(torch.eye(*task.head.weight.shape))
        task.head.bias.zero_()
    final = torch.zeros(len(logits), task.head.in_features)
    final[:, : logits.shape[1]] = logits
    return Encoded(final.unsqueeze(1), final, (final,), torch.ones(len(logits), dtype=torch.long))


def labelled(target):
    size = len(target)
    return Batch(torch.full((size, 1), 2), torch.ones(size, dtype=torch.long), torch.tensor(target))


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_loss_is_the_mean_cross_entropy(smoothing):
    _, task = make(label_smoothing=smoothing)
    logits = torch.tensor([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0]])
    target = [1, 0]
    expected = 0.0
    for row, right in zip(logits.tolist(), target, strict=True):
        total = math.log(sum(math.exp(x) for x in row))
        for label, x in enumerate(row):
            share = (1 - smoothing) * (label == right) + smoothing / 3
            expected -= share * (x - total) / len(target)
    data = labelled(target)
    assert task.loss(given_logits(task, logits), data).item() == pytest.approx(expected, rel=1e-5)
    assert task.units(data) == 2


@pytest.mark.parametrize("pooling", POOLINGS)
def test_padding_has_no_influence(pooling):
    encoder, task = make(pooling=pooling)
    plain, padded = batch(), batch(extra=3, noise=4)
    torch.testing.assert_close(
        task.loss(run(encoder, plain), plain), task.loss(run(encoder, padded), padded)
    )
    for one, other in zip(
        task.predict(run(encoder, plain)), task.predict(run(encoder, padded)), strict=True
    ):
        assert one.label == other.label
        assert one.probability == pytest.approx(other.probability, rel=1e-5)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_learns_a_batch_by_heart(pooling):
    encoder, task = make(pooling=pooling)
    optimizer = torch.optim.Adam([*encoder.parameters(), *task.parameters()], lr=0.02)
    data = batch()
    for _ in range(60):
        optimizer.zero_grad()
        task.loss(run(encoder, data), data).backward()
        optimizer.step()
    predictions = task.predict(run(encoder, data))
    assert [label for label, _ in predictions] == ["neg", "neutral", "pos"]
    assert all(probability > 0.9 for _, probability in predictions)
    task.update(run(encoder, data), data)
    assert task.compute() == {"accuracy": 1.0, "f1": 1.0, "balanced_accuracy": 1.0}


def test_metrics_by_hand_over_batches_then_anew():
    _, task = make()
    one = torch.eye(3)
    # gold 0 0 0 1 2 | predicted 0 0 1 1 1
    task.update(given_logits(task, one[[0, 0, 1]]), labelled([0, 0, 0]))
    task.update(given_logits(task, one[[1, 1]]), labelled([1, 2]))
    f1 = [2 * 2 / (2 + 3), 2 * 1 / (3 + 1), 0.0]  # 2 * right / (predicted + gold)
    scores = task.compute()
    assert scores["accuracy"] == pytest.approx(3 / 5)
    assert scores["f1"] == pytest.approx(sum(f1) / 3)
    assert scores["balanced_accuracy"] == pytest.approx((2 / 3 + 1 + 0) / 3)
    task.update(given_logits(task, one[[0, 1, 2]]), labelled([0, 1, 2]))
    assert task.compute() == {"accuracy": 1.0, "f1": 1.0, "balanced_accuracy": 1.0}
    assert task.monitor in scores
    assert task.mode == "max"


def test_probability_is_that_of_the_label_said():
    _, task = make()
    (answer,) = task.predict(given_logits(task, torch.tensor([[0.0, math.log(6.0), 0.0]])))
    assert answer.label == "neutral"
    assert answer.probability == pytest.approx(6 / 8)


def test_dropout_acts_in_training_alone():
    encoder, task = make(dropout=0.5)
    data = batch()
    task.train()
    assert task.loss(run(encoder, data), data) != task.loss(run(encoder, data), data)
    task.eval()
    assert task.loss(run(encoder, data), data) == task.loss(run(encoder, data), data)


def test_renders_label_and_probability():
    _, task = make()
    assert task.render(["a"], Label("pos", 0.98765)) == "pos\t0.9877"
    assert task.empty() is None


def test_checkpoint_holds_weights_alone():
    _, task = make(pooling="attention")
    assert set(task.state_dict()) == {"head.weight", "head.bias", "pooling.query"}


def test_targets_without_a_vocabulary_are_refused():
    encoder, _ = make()
    with pytest.raises(TypeError, match="values"):
        Classify(encoder, Spec(SOURCE, 1, "values"))


def test_balanced_accuracy_is_the_mean_over_labels_that_occur():
    _, task = make()
    one = torch.eye(3)
    # gold 0 0 0 2 | predicted 0 0 1 2: label 1 is predicted, but nothing is of it
    task.update(given_logits(task, one[[0, 0, 1, 2]]), labelled([0, 0, 0, 2]))
    scores = task.compute()
    assert scores["accuracy"] == pytest.approx(3 / 4)
    assert scores["balanced_accuracy"] == pytest.approx((2 / 3 + 1) / 2)


def test_balanced_weights_are_those_of_scikit_learn():
    """n / (K n_k): 4 / (2 * 3) and 4 / (2 * 1); a label that does not occur counts as if once."""
    _, task = make(class_weights="balanced")
    task.set_rival(torch.tensor([3, 0, 1]))
    torch.testing.assert_close(task.class_weights(), torch.tensor([2 / 3, 2.0, 2.0]))
    assert task.remarks("train", None) == [
        "weights of the labels in the losses: neg 0.6667, neutral 2, pos 2"
    ]
    assert not task.remarks("test", None)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_weighted_loss_is_that_of_torch(smoothing, monkeypatch):
    weights = [0.5, 2.0, 3.0]
    _, task = make(class_weights=weights, label_smoothing=smoothing)
    task.set_rival(torch.tensor([1, 1, 1]))
    task.double()
    logits = torch.randn(5, 3, dtype=torch.float64)
    target = [0, 0, 2, 1, 2]
    monkeypatch.setattr(task, "logits", lambda encoded: logits)
    loss = task.loss(None, labelled(target))
    expected = functional.cross_entropy(
        logits, torch.tensor(target), torch.tensor(weights).double(), label_smoothing=smoothing
    )
    assert loss.item() == pytest.approx(expected.item(), rel=1e-12)


def test_weighted_loss_by_hand_and_over_batches():
    """The loss of a split is the weighted mean over its sequences, however it is cut."""
    _, task = make(class_weights=[1, 2, 5])
    task.set_rival(torch.tensor([1, 1, 1]))
    logits, target = torch.randn(6, 3), [0, 1, 2, 2, 0, 0]
    nll = -logits.log_softmax(1)[range(6), target]
    weights = torch.tensor([1.0, 2, 5, 5, 1, 1])
    mean = UnitMean()
    for part in (slice(0, 4), slice(4, 6)):
        data = labelled(target[part])
        mean.update(task.loss(given_logits(task, logits[part]), data), task.units(data))
    torch.testing.assert_close(mean.compute(), (weights * nll).sum() / 15)


def test_weights_are_no_part_of_a_checkpoint():
    _, task = make(class_weights=[1, 2, 3])
    task.set_rival(torch.tensor([1, 1, 1]))
    assert task.state_dict().keys() == make()[1].state_dict().keys()


def test_a_list_of_another_length_is_refused():
    _, task = make(class_weights=[1.0, 2.0])
    with pytest.raises(ConfigError, match=r"task\.class_weights: 2 weights, but .* 3 labels: neg"):
        task.set_rival(torch.tensor([1, 1, 1]))


def test_weights_in_mixed_precision():
    encoder, task = make(class_weights="balanced")
    task.set_rival(torch.tensor([3, 2, 1]))
    exact = task.loss(run(encoder, batch()), batch())
    with torch.autocast("cpu", torch.bfloat16):
        mixed = task.loss(run(encoder, batch()), batch())
    assert mixed.item() == pytest.approx(exact.item(), rel=0.02)
