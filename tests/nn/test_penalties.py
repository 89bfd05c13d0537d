"""Penalties on outputs, worked by hand."""

import pytest
import torch

from rnnlab.nn.penalties import activation_l2, temporal_l2

X = torch.tensor([[[1.0, 2.0], [4.0, 0.0], [4.0, 1.0]]], dtype=torch.float64)


def test_by_hand():
    assert float(activation_l2(X)) == pytest.approx((1 + 4 + 16 + 0 + 16 + 1) / 6)
    assert float(temporal_l2(X)) == pytest.approx((9 + 4 + 0 + 1) / 4)


def test_a_single_step_does_not_change():
    x = X[:, :1].clone().requires_grad_()
    penalty = temporal_l2(x)
    penalty.backward()
    assert float(penalty.detach()) == 0.0
    assert not x.grad.any()


def test_gradients():
    x = torch.randn(2, 4, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(activation_l2, x)
    assert torch.autograd.gradcheck(temporal_l2, x)
