"""The loss in chunks against the plain formula."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from pairs import pairs
from rnnlab.data.batch import IGNORE
from rnnlab.errors import ConfigError
from rnnlab.nn import losses as module
from rnnlab.nn.losses import CHUNK, activation_l2, temporal_l2, vocabulary_loss


def case(rows: int, words: int = 11, size: int = 5) -> tuple[torch.Tensor, nn.Linear, torch.Tensor]:
    torch.manual_seed(rows)
    features = torch.randn(rows, size, dtype=torch.float64, requires_grad=True)
    return features, nn.Linear(size, words).double(), torch.randint(words, (rows,))


def plain(features, output, target, smoothing=0.0):
    return functional.cross_entropy(
        output(features), target, ignore_index=IGNORE, label_smoothing=smoothing
    )


@pytest.mark.parametrize(
    ("rows", "smoothing", "ignored"),
    pairs([1, 7, CHUNK, CHUNK + 1, 3 * CHUNK - 1], [0.0, 0.1], [False, True]),
)
def test_loss_and_gradients_are_those_of_the_plain_formula(rows, smoothing, ignored):
    features, output, target = case(rows)
    if ignored:
        target[1::3] = IGNORE
    inputs = (features, output.weight, output.bias)
    fast = vocabulary_loss(features, output, target, smoothing)
    slow = plain(features, output, target, smoothing)
    torch.testing.assert_close(fast, slow, rtol=1e-13, atol=0)
    fast_gradients = torch.autograd.grad(3 * fast, inputs)
    for mine, theirs in zip(fast_gradients, torch.autograd.grad(3 * slow, inputs), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-15)


def test_an_output_without_a_bias():
    features, output, target = case(CHUNK + 1)
    output.bias = None
    fast, slow = (f(features, output, target) for f in (vocabulary_loss, plain))
    torch.testing.assert_close(fast, slow, rtol=1e-13, atol=0)
    inputs = (features, output.weight)
    for mine, theirs in zip(*(torch.autograd.grad(x, inputs) for x in (fast, slow)), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-15)


def test_large_logits_do_not_overflow():
    features, output, target = case(9)
    with torch.no_grad():
        features *= 1e5
    fast = vocabulary_loss(features, output, target)
    torch.testing.assert_close(fast, plain(features, output, target))
    assert fast.isfinite()


def test_tied_weights_get_both_gradients():
    _, output, target = case(6)

    def gradient(loss):
        embedded = functional.embedding(target, output.weight)
        return torch.autograd.grad(loss(embedded, output, target), output.weight)

    torch.testing.assert_close(gradient(vocabulary_loss), gradient(plain))


def test_frozen_weights_and_evaluation():
    features, output, target = case(6)
    output.requires_grad_(False)
    vocabulary_loss(features, output, target).backward()
    assert features.grad is not None
    assert output.weight.grad is None
    with torch.no_grad():
        torch.testing.assert_close(
            vocabulary_loss(features, output, target), plain(features, output, target)
        )


def test_second_derivatives_are_refused():
    features, output, target = case(4)
    loss = vocabulary_loss(features, output, target)
    with pytest.raises(ConfigError, match="no second derivatives"):
        torch.autograd.grad(loss, features, create_graph=True)


def test_no_target_at_all_is_not_a_number():
    features, output, target = case(3)
    loss = vocabulary_loss(features, output, torch.full_like(target, IGNORE))
    assert loss.isnan()
    loss.backward()


def test_autocast_takes_the_plain_formula(monkeypatch):
    monkeypatch.setattr(module, "_Chunked", None)
    features, output, target = case(3)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = vocabulary_loss(features.float(), output.float(), target)
    assert loss.isfinite()


OUTPUTS = torch.tensor([[[1.0, 2.0], [4.0, 0.0], [4.0, 1.0]]], dtype=torch.float64)


def test_penalties_by_hand():
    assert float(activation_l2(OUTPUTS)) == pytest.approx((1 + 4 + 16 + 0 + 16 + 1) / 6)
    assert float(temporal_l2(OUTPUTS)) == pytest.approx((9 + 4 + 0 + 1) / 4)


def test_a_single_step_does_not_change():
    x = OUTPUTS[:, :1].clone().requires_grad_()
    penalty = temporal_l2(x)
    penalty.backward()
    assert float(penalty.detach()) == 0.0
    assert not x.grad.any()


def test_gradients():
    x = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(activation_l2, x)
    assert torch.autograd.gradcheck(temporal_l2, x)
