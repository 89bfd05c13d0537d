"""Steps taken one by one are seen as the forward pass that they are."""

from functools import partial

import pytest
import torch

from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN

B, T, D, H = 3, 5, 4, 6


@pytest.fixture(params=[RNN, LSTM, GRU])
def case(request):
    torch.manual_seed(0)
    layer = partial(request.param, hidden_size=H, kernel="scan")(D).double()
    x = torch.randn(B, T, D, dtype=torch.double, requires_grad=True)
    start = tuple(torch.randn_like(part) for part in layer.initial_state(B, x))
    return layer, x, start


def together(layer, x, start):
    return layer(x, None, start)[0]


def one_by_one(layer, x, start):
    stepper = layer.stepper(start)
    outputs = torch.stack([stepper.step(x[:, t]) for t in range(T)], dim=1)
    stepper.finish()
    return outputs


def seen(run, layer, x, start):
    """What those who look are shown by one pass, and its outputs and gradients."""
    gradients, traces = [], []
    with layer.watch(gradients.append), layer.record(traces.append):
        outputs = run(layer, x, start)
    (outputs**2).sum().backward()
    (shown,), (trace,) = gradients, traces
    grads = [None if part.grad is None else part.grad.clone() for part in (x, *layer.parameters())]
    for part in (x, *layer.parameters()):
        part.grad = None
    assert trace.lengths is None
    return shown.vectors(), (trace.inputs, *trace.initial, trace.outputs), outputs, grads


def test_equals_a_forward_pass(case):
    torch.testing.assert_close(seen(one_by_one, *case), seen(together, *case))


def test_looking_changes_nothing(case):
    watched, plain = seen(one_by_one, *case)[2], one_by_one(*case)
    assert torch.equal(watched, plain)


def test_a_frozen_layer_is_shown_all_the_same(case):
    layer, x, start = case
    expected = seen(together, *case)[0]
    layer.requires_grad_(False)
    torch.testing.assert_close(seen(one_by_one, layer, x.detach(), start)[0], expected)


def test_nobody_is_called_without_gradients(case):
    gradients = []
    with torch.no_grad(), case[0].watch(gradients.append):
        one_by_one(*case)
    assert gradients == []
