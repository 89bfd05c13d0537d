"""The three cells against torch's own modules on packed sequences."""

from functools import partial

import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN
from rnnlab.nn.recurrent import RecurrentEncoder

PAIRS = {
    "rnn": (RNN, nn.RNN),
    "relu": (partial(RNN, nonlinearity="relu"), partial(nn.RNN, nonlinearity="relu")),
    "lstm": (LSTM, nn.LSTM),
    "gru": (GRU, nn.GRU),
}
B, T, D, H = 5, 8, 3, 4
LENGTHS = torch.tensor([3, 8, 1, 8, 5])  # unsorted, with a repeated and a smallest one


class Features(nn.Module):
    """Stands in the place of an embedding."""

    output_size = D

    def forward(self, x):
        return x


def run_packed(native, x):
    packed = pack_padded_sequence(x, LENGTHS, batch_first=True, enforce_sorted=False)
    outputs, state = native(packed)
    padded, _ = pad_packed_sequence(outputs, batch_first=True, total_length=T)
    return padded, state if isinstance(state, tuple) else (state,)


def assert_same(ours, reference):
    torch.testing.assert_close(ours, reference, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", PAIRS)
@pytest.mark.parametrize("kernel", ["fused", "bptt", "scan"])
def test_layer_equals_packed(name, kernel):
    torch.manual_seed(0)
    ours, native = PAIRS[name]
    layer = ours(D, hidden_size=H, kernel=kernel).double()
    packed = native(D, H, batch_first=True).double()
    layer.load_state_dict(packed.state_dict())
    x = torch.randn(B, T, D, dtype=torch.float64, requires_grad=True)
    outputs, state = layer(x, LENGTHS)
    expected, expected_state = run_packed(packed, x)
    weights = [torch.randn_like(part) for part in (outputs, *state)]

    def gradients(parts, module):
        loss = sum((part * weight).sum() for part, weight in zip(parts, weights, strict=True))
        return torch.autograd.grad(loss, [x, *module.parameters()])

    reference = (expected, *[part[0] for part in expected_state])
    assert_same((outputs, *state), reference)
    assert_same(gradients((outputs, *state), layer), gradients(reference, packed))


STACKS = [  # each pair of two columns
    ("rnn", 1, True, "fused"),
    ("rnn", 2, False, "bptt"),
    ("rnn", 3, True, "bptt"),
    ("relu", 1, False, "bptt"),
    ("relu", 2, True, "fused"),
    ("relu", 3, False, "fused"),
    ("lstm", 1, True, "bptt"),
    ("lstm", 2, False, "fused"),
    ("lstm", 3, True, "fused"),
    ("gru", 1, False, "fused"),
    ("gru", 2, True, "bptt"),
    ("gru", 3, False, "bptt"),
]


@pytest.mark.parametrize(("name", "depth", "bidirectional", "kernel"), STACKS)
def test_encoder_equals_packed_stack(name, depth, bidirectional, kernel):
    torch.manual_seed(0)
    ours, native = PAIRS[name]
    packed = native(D, H, depth, batch_first=True, bidirectional=bidirectional).double()
    cell = partial(ours, hidden_size=H, kernel=kernel)
    encoder = RecurrentEncoder(
        Features(), cell, num_layers=depth, bidirectional=bidirectional
    ).double()
    directions = (
        {"forward_layer.": "", "backward_layer.": "_reverse"} if bidirectional else {"": ""}
    )
    matches = {
        f"layers.{level}.{way}{kind}_l0": f"{kind}_l{level}{suffix}"
        for level in range(depth)
        for way, suffix in directions.items()
        for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    }
    theirs = packed.state_dict()
    encoder.load_state_dict({key: theirs[match] for key, match in matches.items()})

    x = torch.randn(B, T, D, dtype=torch.float64, requires_grad=True)
    encoded = encoder(x, LENGTHS)
    outputs, state = run_packed(packed, x)
    hidden = state[0].view(depth, len(directions), B, H).transpose(1, 2).reshape(depth, B, -1)
    assert_same(encoded.outputs, outputs)
    assert_same(torch.stack(encoded.layers), hidden)
    assert_same(encoded.final, hidden[-1])

    weights = [torch.randn_like(part) for part in (outputs, hidden)]

    def loss(outputs, hidden):
        return (outputs * weights[0]).sum() + (hidden * weights[1]).sum()

    own, named = dict(encoder.named_parameters()), dict(packed.named_parameters())
    assert own.keys() == matches.keys()
    assert named.keys() == set(matches.values())
    assert_same(
        torch.autograd.grad(loss(encoded.outputs, torch.stack(encoded.layers)), [x, *own.values()]),
        torch.autograd.grad(
            loss(outputs, hidden), [x, *(named[match] for match in matches.values())]
        ),
    )


@pytest.mark.parametrize("name", PAIRS)
def test_weights_are_interchangeable(name):
    ours, native = PAIRS[name]
    layer, module = ours(D, hidden_size=H, kernel="fused"), native(D, H, batch_first=True)
    module.load_state_dict(layer.state_dict())
    x = torch.randn(B, T, D)
    assert torch.equal(layer(x)[0], module(x)[0])
    layer.load_state_dict(native(D, H).state_dict())
    assert not torch.equal(layer(x)[0], module(x)[0])


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_lstm_cell_survives_long_padding_bit_by_bit(dtype):
    """Each padded step multiplies by the forget gate: 0.999 instead of 1 would leave nothing."""
    torch.manual_seed(0)
    layer = LSTM(D, hidden_size=H, kernel="fused").to(dtype)
    start = tuple(torch.randn(1, H).to(dtype) for _ in range(2))
    x = torch.randn(1, 4000, D).to(dtype)
    with torch.no_grad():
        _, (_, near) = layer(x[:, :2], torch.tensor([1]), start)
        _, (_, far) = layer(x, torch.tensor([1]), start)
    assert torch.equal(near, far)


def test_lstm_cell_gradient_survives_long_padding():
    torch.manual_seed(0)
    layer = LSTM(D, hidden_size=H, kernel="fused")
    x = torch.randn(1, 1000, D, requires_grad=True)
    _, (_, held) = layer(x, torch.tensor([3]))
    _, (_, exact) = layer(x[:, :3])
    (ours,) = torch.autograd.grad(held.sum(), x)
    (reference,) = torch.autograd.grad(exact.sum(), x)
    torch.testing.assert_close(ours, reference)
    assert reference.any()
