"""Recurrent weights that are dropped for a batch, whatever computes it."""

from functools import partial

import pytest
import torch
from torch import nn

from rnnlab.errors import ConfigError
from rnnlab.layers.base import Layer
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN
from rnnlab.layers.weight_drop import dropped_weights
from rnnlab.nn.recurrent import RecurrentEncoder

CELLS = [RNN, LSTM, GRU]
KERNELS = ["fused", "bptt", "scan"]
INPUTS = torch.tensor([[5, 2, 7, 1], [3, 0, 0, 0], [6, 6, 4, 0]])
LENGTHS = torch.tensor([4, 1, 3])
X = torch.randn(3, 5, 4, generator=torch.Generator().manual_seed(0), dtype=torch.double)


class Words(nn.Embedding):
    output_size = 3


def make(cell, kernel="auto"):
    torch.manual_seed(0)
    return cell(4, hidden_size=6, kernel=kernel).double()


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("cell", CELLS)
def test_outputs_and_gradients_of_a_layer_with_such_weights(cell, kernel):
    layer, other = make(cell, kernel), make(cell, "scan")
    torch.manual_seed(3)
    mask = nn.functional.dropout(torch.ones_like(layer.weight_hh_l0), 0.4)
    assert 0 < (mask == 0).sum() < mask.numel()
    with torch.no_grad():
        other.weight_hh_l0 *= mask
    ragged = torch.tensor([5, 2, 3])
    for run in (
        lambda one: one(X),
        lambda one: one(X, ragged),
        lambda one: (one.outputs(X), ()),
        lambda one: (one.outputs(X, ragged), ()),
    ):
        layer.zero_grad()
        other.zero_grad()
        torch.manual_seed(3)
        with dropped_weights(layer, 0.4):
            outputs, state = run(layer)
        expected, final = run(other)
        torch.testing.assert_close(outputs, expected, rtol=0, atol=1e-12)
        for one, two in zip(state, final, strict=True):
            torch.testing.assert_close(one, two, rtol=0, atol=1e-12)
        outputs.square().sum().backward()
        expected.square().sum().backward()
        torch.testing.assert_close(layer.weight_hh_l0.grad, other.weight_hh_l0.grad * mask)
        torch.testing.assert_close(layer.weight_ih_l0.grad, other.weight_ih_l0.grad)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("cell", CELLS)
def test_afterwards_all_is_as_before(cell, kernel):
    layer = make(cell, kernel)
    before = dict(layer.named_parameters())
    plain = layer(X)[0]
    with pytest.raises(TypeError), dropped_weights(layer, 0.5):
        layer(None)
    after = dict(layer.named_parameters())
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)
    assert torch.equal(layer(X)[0], plain)
    layer.weight_hh_l0.data.zero_()
    assert not torch.equal(layer(X)[0], plain), "the kernel reads the parameter again"


def encoder(**options):
    torch.manual_seed(0)
    return RecurrentEncoder(Words(8, 3), partial(LSTM, hidden_size=4), **options)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_an_encoder_drops_in_training_only(bidirectional):
    options = {"num_layers": 2, "bidirectional": bidirectional}
    plain, dropping = encoder(**options), encoder(weight_dropout=0.5, **options)
    first, second = dropping(INPUTS, LENGTHS).outputs, dropping(INPUTS, LENGTHS).outputs
    assert not torch.equal(first, second)
    expected = plain(INPUTS, LENGTHS).outputs
    assert torch.equal(dropping.eval()(INPUTS, LENGTHS).outputs, expected)
    dropping.train()(INPUTS, LENGTHS).outputs.sum().backward()
    assert all(p.grad is not None for p in dropping.parameters())


def test_watched_layers_show_gradients_through_the_dropped_weights():
    layer, other = make(LSTM, "fused"), make(LSTM, "scan")
    torch.manual_seed(5)
    with torch.no_grad():
        other.weight_hh_l0 *= nn.functional.dropout(torch.ones_like(layer.weight_hh_l0), 0.4)
    seen = []
    torch.manual_seed(5)
    with layer.watch(seen.append), dropped_weights(layer, 0.4):
        layer(X)[0][:, -1].sum().backward()
    with other.watch(seen.append):
        other(X)[0][:, -1].sum().backward()
    for one, two in zip(seen[0].norms(), seen[1].norms(), strict=True):
        torch.testing.assert_close(one, two)


class Around(Layer):
    """A layer made of another one, which names that one's weights as its own."""

    def __init__(self, size):
        super().__init__()
        self.input_size, self.inner = size, LSTM(size, hidden_size=6, kernel="scan")
        self.output_size = 6

    def initial_state(self, batch_size, like):
        return self.inner.initial_state(batch_size, like)

    def step(self, x, state):
        return self.inner.step(x, state)

    def gates(self):
        return {gate: (f"inner.{name}", rows) for gate, (name, rows) in self.inner.gates().items()}


def test_a_layer_made_of_layers_keeps_its_weights():
    torch.manual_seed(0)
    layer = Around(4).double()
    before = dict(layer.named_parameters())
    for _ in range(2):
        with dropped_weights(layer, 0.5):
            dropped = layer.inner.weight_hh_l0
            layer(X)[0].sum().backward()
        share = (dropped == 0).double().mean()
        assert 0.3 < share < 0.7  # dropped once, not twice
        assert dict(layer.named_parameters()) == before


class Nameless(Around):
    """A layer that names no weights, made of one tensor alone."""

    def __init__(self, size):
        super().__init__(size)
        del self.inner
        self.mix = nn.Linear(size + 6, 6)

    def initial_state(self, batch_size, like):
        return (like.new_zeros(batch_size, 6),)

    def step(self, x, state):
        h = self.mix(torch.cat([x, state[0]], dim=1)).tanh()
        return h, (h,)

    def gates(self):
        return {}


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_cell_that_names_no_recurrent_weights_cannot_drop_them(bidirectional):
    with pytest.raises(ConfigError, match=r"^encoder\.weight_dropout: this cell's `gates` name no"):
        RecurrentEncoder(Words(8, 4), Nameless, weight_dropout=0.1, bidirectional=bidirectional)
    RecurrentEncoder(Words(8, 4), Nameless, bidirectional=bidirectional)
