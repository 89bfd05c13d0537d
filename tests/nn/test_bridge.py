import pytest
import torch

from rnnlab.layers.base import Layer
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN
from rnnlab.nn.bridge import Bridge


class Matrix(Layer):
    """A cell whose state is a matrix and a vector: nothing that the library ships."""

    def __init__(self, input_size):
        super().__init__()
        self.input_size, self.output_size = input_size, 3

    def initial_state(self, batch_size, like):
        return like.new_zeros(batch_size, 3, 2), like.new_zeros(batch_size, 5)

    def step(self, x, state):
        return state[0].sum(2), state

    def gates(self):
        return {}


@pytest.mark.parametrize("cell", [RNN, LSTM, GRU])
def test_states_have_the_form_of_initial_state(cell):
    layers = [cell(4, hidden_size=6), cell(6, hidden_size=6)]
    finals = torch.randn(3, 10), torch.randn(3, 12)
    states = Bridge([10, 12], layers)(finals)
    for layer, state in zip(layers, states, strict=True):
        expected = layer.initial_state(3, torch.zeros(3, 4))
        assert [p.shape for p in state] == [p.shape for p in expected]


def test_state_parts_of_any_shape():
    (state,) = Bridge([4], [Matrix(7)])([torch.randn(2, 4)])
    assert [part.shape for part in state] == [(2, 3, 2), (2, 5)]


def test_each_part_is_tanh_of_its_own_linear():
    bridge = Bridge([4], [LSTM(3, hidden_size=2)])
    final = torch.randn(5, 4)
    ((h, c),) = bridge([final])
    (h_linear, c_linear) = bridge.parts[0]
    torch.testing.assert_close(h, torch.tanh(final @ h_linear.weight.T + h_linear.bias))
    torch.testing.assert_close(c, torch.tanh(final @ c_linear.weight.T + c_linear.bias))
    assert not torch.allclose(h, c)


@pytest.mark.parametrize(
    ("encoder_depth", "decoder_depth", "sources"),
    [
        (1, 1, [0]),
        (2, 2, [0, 1]),
        (2, 1, [1]),
        (3, 2, [1, 2]),
        (1, 2, [0, 0]),
        (2, 4, [0, 0, 0, 1]),
    ],
)
def test_layers_match_from_the_top(encoder_depth, decoder_depth, sources):
    layers = [GRU(3, hidden_size=3) for _ in range(decoder_depth)]
    bridge = Bridge([4] * encoder_depth, layers)
    finals = [torch.randn(1, 4, requires_grad=True) for _ in range(encoder_depth)]
    for state, source in zip(bridge(finals), sources, strict=True):
        grads = torch.autograd.grad(state[0].sum(), finals, allow_unused=True, retain_graph=True)
        assert [i for i, grad in enumerate(grads) if grad is not None] == [source]
