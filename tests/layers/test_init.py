import math

import pytest
import torch
from torch import nn

from rnnlab.errors import ConfigError
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN

D, H = 100, 16


def total(layer, gate):
    return (layer.bias_ih_l0 + layer.bias_hh_l0)[layer.rows(gate)]


@pytest.mark.parametrize("cell", [RNN, LSTM, GRU])
def test_orthogonal(cell):
    torch.manual_seed(0)
    layer = cell(D, hidden_size=H)
    for block in layer.weight_hh_l0.split(H):
        torch.testing.assert_close(block @ block.t(), torch.eye(H), atol=1e-5, rtol=0)
    bound = math.sqrt(6 / (D + H))  # of a (D, H) matrix, not of all gates stacked
    for block in layer.weight_ih_l0.split(H):
        assert 0.95 * bound < block.abs().max() <= bound
        assert block.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1)
    blocks = layer.weight_hh_l0.split(H)
    assert all(not torch.equal(blocks[0], other) for other in blocks[1:])


@pytest.mark.parametrize("cell", [RNN, LSTM, GRU])
def test_torch_is_torch(cell):
    options = {"forget_bias": None} if cell is LSTM else {}
    torch.manual_seed(0)
    layer = cell(D, hidden_size=H, init="torch", **options)
    torch.manual_seed(0)
    native = getattr(nn, cell.__name__)(D, H)
    for key, value in native.state_dict().items():
        assert torch.equal(layer.state_dict()[key], value)


@pytest.mark.parametrize("init", ["orthogonal", "torch"])
@pytest.mark.parametrize("value", [-1.5, 0.0, 3.0])
def test_gate_bias_is_the_total(init, value):
    lstm = LSTM(D, hidden_size=H, init=init, forget_bias=value)
    gru = GRU(D, hidden_size=H, init=init, update_bias=value)
    assert (total(lstm, "forget") == value).all()
    assert (total(gru, "update") == value).all()
    others = [total(lstm, gate) for gate in ("input", "cell", "output")]
    others += [total(gru, gate) for gate in ("reset", "new")]
    for bias in others:
        assert bool(bias.any()) == (init == "torch")


def test_defaults():
    assert (total(LSTM(D), "forget") == 1).all()
    assert not LSTM(D, forget_bias=None).bias_ih_l0.any()
    assert not GRU(D).bias_ih_l0.any()


def test_large_gate_bias_remembers():
    """The direction of the option: the state of a million-step memory hardly moves."""
    torch.manual_seed(0)
    x = torch.randn(1, 50, D)
    cell = torch.randn(1, H)
    for layer, state in (
        (LSTM(D, hidden_size=H, forget_bias=15.0), (torch.zeros(1, H), cell * 1e3)),
        (GRU(D, hidden_size=H, update_bias=15.0), (cell.tanh(),)),
    ):
        after = layer(x, None, state)[1][-1]
        assert (after - state[-1]).norm() < 0.06 * state[-1].norm()
        forgetful = type(layer)(D, hidden_size=H)
        assert (forgetful(x, None, state)[1][-1] - state[-1]).norm() > 0.5 * state[-1].norm()


@pytest.mark.parametrize("gain", [0.5, 1.0, 2.0])
def test_recurrent_gain_is_the_modulus_of_every_eigenvalue(gain):
    layer = RNN(D, hidden_size=H, recurrent_gain=gain)
    moduli = torch.linalg.eigvals(layer.weight_hh_l0.detach()).abs()
    torch.testing.assert_close(moduli, torch.full((H,), gain), atol=1e-4, rtol=0)


@pytest.mark.parametrize("gain", [0.0, -1.0, math.nan])
def test_recurrent_gain_is_positive(gain):
    with pytest.raises(ConfigError, match=r"^cell\.recurrent_gain: must be positive, not"):
        RNN(D, recurrent_gain=gain)
