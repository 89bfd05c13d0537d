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


@pytest.mark.parametrize(
    ("init", "value"), [("orthogonal", -1.5), ("torch", 0.0), ("orthogonal", 0.0), ("torch", 3.0)]
)
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


@pytest.mark.parametrize("cell", [LSTM, GRU])
def test_chrono_draws_lengths_uniformly(cell):
    """A unit that keeps s(b) a step forgets in 1 + e^b steps: all lengths up to the longest."""
    torch.manual_seed(0)
    layer = cell(2, hidden_size=2000, init="torch", chrono=501)
    lengths = total(layer, "update" if cell is GRU else "forget").exp()
    assert 1 <= lengths.min() < 5
    assert 495 < lengths.max() <= 500.001
    for share in (0.1, 0.25, 0.5, 0.75, 0.9):
        assert lengths.quantile(share).item() == pytest.approx(1 + 499 * share, abs=25)
    shares = torch.sigmoid(lengths.log()) ** (1 + lengths)
    assert (shares >= 0.25).all()
    assert (shares < 1 / math.e + 1e-3).all()


def test_chrono_closes_an_input_gate_as_far_as_it_opens_the_forget_gate():
    lstm = LSTM(D, hidden_size=H, chrono=30)
    assert torch.equal(total(lstm, "input"), -total(lstm, "forget"))
    assert ((total(lstm, "forget") > 0) & (total(lstm, "forget") < math.log(29.001))).all()
    assert not total(lstm, "cell").any()
    assert not total(lstm, "output").any()
    gru = GRU(D, hidden_size=H, chrono=30)
    assert ((total(gru, "update") > 0) & (total(gru, "update") < math.log(29.001))).all()
    assert not total(gru, "reset").any()
    assert not total(gru, "new").any()


@pytest.mark.parametrize(("cell", "option"), [(LSTM, "forget_bias"), (GRU, "update_bias")])
def test_chrono_and_a_bias_of_ones_own_exclude_each_other(cell, option):
    wanted = rf"^cell\.{option}: 7.0 has no effect beside cell.chrono; leave one of them out$"
    with pytest.raises(ConfigError, match=wanted):
        cell(D, chrono=30, **{option: 7.0})
    cell(D, chrono=30, **{option: None})


@pytest.mark.parametrize("gain", [0.5, 1.0, 2.0])
def test_recurrent_gain_is_the_modulus_of_every_eigenvalue(gain):
    layer = RNN(D, hidden_size=H, recurrent_gain=gain)
    moduli = torch.linalg.eigvals(layer.weight_hh_l0.detach()).abs()
    torch.testing.assert_close(moduli, torch.full((H,), gain), atol=1e-4, rtol=0)
