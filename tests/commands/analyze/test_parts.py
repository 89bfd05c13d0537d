"""Matrices, streams, gates and the inputs that layers read, each against plain arithmetic."""

import math

import pytest
import torch
from torch import nn

from rnnlab.commands.analyze.gates import gates_of, recurrent_matrices
from rnnlab.commands.analyze.inputs import encoder_layers, join, read, sequences
from rnnlab.data.batch import Batch
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN
from rnnlab.nn.embedding import Features
from rnnlab.nn.recurrent import RecurrentEncoder


def test_matrices_of_every_gate():
    layer = LSTM(3, hidden_size=4)
    with torch.no_grad():
        rotation = torch.tensor([[0.0, -2.0], [2.0, 0.0]])
        layer.weight_hh_l0[layer.rows("forget")] = torch.block_diag(rotation, torch.eye(2) / 2)
    found = recurrent_matrices(layer)
    assert set(found) == {"input", "forget", "cell", "output"}
    forget = found["forget"]
    torch.testing.assert_close(forget.singular, torch.tensor([2, 2, 0.5, 0.5]).double())
    assert forget.eigenvalues.real.tolist() == pytest.approx([0, 0, 0.5, 0.5])
    assert sorted(forget.eigenvalues.imag.tolist()) == pytest.approx([-2, 0, 0, 2])
    assert (forget.norm, forget.radius) == pytest.approx((2, 2))
    for gate in ("input", "cell", "output"):  # orthogonal at the start
        assert found[gate].radius == pytest.approx(1.0, abs=1e-5)
        assert found[gate].norm == pytest.approx(1.0, abs=1e-5)


def test_a_matrix_that_stretches_although_its_eigenvalues_are_zero():
    layer = RNN(2, hidden_size=2)
    with torch.no_grad():
        layer.weight_hh_l0.copy_(torch.tensor([[0.0, 3.0], [0.0, 0.0]]))
    (matrix,) = recurrent_matrices(layer).values()
    assert (matrix.norm, matrix.radius) == pytest.approx((3.0, 0.0))


class Projected(nn.Module):
    """Has a recurrent matrix that is not square."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.diag(torch.tensor([3.0, 4.0]))[:, :2].repeat(2, 1))

    def gates(self):
        return {"recurrent/all": ("weight", slice(0, 4)), "input/all": ("weight", slice(0, 0))}


def test_a_matrix_that_is_not_square_has_singular_values_only():
    (matrix,) = recurrent_matrices(Projected()).values()
    torch.testing.assert_close(matrix.singular, math.sqrt(2) * torch.tensor([4.0, 3.0]).double())
    assert (matrix.eigenvalues, matrix.radius) == (None, None)


def pieces(lengths):
    """Sequences whose numbers say which they are, and which step."""
    return [torch.tensor([[100.0 * i + t] for t in range(n)]) for i, n in enumerate(lengths)]


def test_streams_are_whole_sequences_and_share_none():
    streams = join(pieces([3, 5, 2, 4, 6, 1]), steps=9, streams=2, seed=0)
    assert streams.inputs.shape == (9, 2, 1)
    owners = []
    for s in range(2):
        column, starts = streams.inputs[:, s, 0], streams.starts[:, s]
        assert torch.equal(starts, column % 100 == 0)
        inside = ~starts[1:]
        assert torch.equal(column[1:][inside], column[:-1][inside] + 1)
        owners.append({int(value) // 100 for value in column})
    assert not owners[0] & owners[1]
    assert streams.sequences == len(owners[0] | owners[1])


def test_short_data_is_read_again():
    streams = join(pieces([2, 3]), steps=11, streams=8, seed=0)
    assert streams.inputs.shape == (11, 2, 1)
    assert (streams.sequences, streams.passes) == (2, 6)
    assert {tuple(c.tolist()) for c in streams.inputs[:, :, 0].T} == {
        tuple(float(base + t % n) for t in range(11)) for base, n in ((0, 2), (100, 3))
    }


def test_order_is_the_seeds():
    first, again, other = (
        join(pieces([3] * 20), steps=30, streams=2, seed=seed).inputs for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_time_scales_of_gates_that_do_not_move():
    lstm, gru = LSTM(3, hidden_size=2), GRU(3, hidden_size=2)
    with torch.no_grad():
        for layer in (lstm, gru):
            for parameter in layer.parameters():
                parameter.zero_()
        lstm.bias_ih_l0[lstm.rows("forget")] = torch.tensor([math.log(9), 0.0])
        gru.bias_ih_l0[gru.rows("update")] = torch.tensor([math.log(3), 0.0])
    for layer, gate, kept in ((lstm, "forget", 0.9), (gru, "update", 0.75)):
        traces = []
        with layer.record(traces.append):
            layer(torch.randn(2, 4, 3), torch.tensor([4, 1]))
        gates = gates_of(layer, traces)
        torch.testing.assert_close(gates.means[gate], torch.tensor([kept, 0.5]).double())
        assert set(gates.scales) == {gate}
        expected = torch.tensor([-1 / math.log(kept), -1 / math.log(0.5)]).double()
        torch.testing.assert_close(gates.scales[gate], expected, rtol=1e-5, atol=0)


def test_mean_gates_leave_padding_out():
    torch.manual_seed(0)
    layer = GRU(3, hidden_size=2)
    with torch.no_grad():
        layer.weight_ih_l0.mul_(5)
    x, lengths = torch.randn(3, 5, 3), torch.tensor([5, 2, 3])
    traces = []
    with layer.record(traces.append):
        layer(x, lengths)
        layer(x[:1], lengths[:1])
    every = []
    layer.requires_grad_(False)
    for row, length in [*zip(x, lengths, strict=True), (x[0], 5)]:
        h = torch.zeros(1, 2)
        for step in row[:length]:
            sums = layer.weight_ih_l0 @ step + layer.weight_hh_l0 @ h[0]
            every.append(torch.sigmoid(sums[layer.rows("update")]))
            h, _ = layer.step(step[None], (h,))
    expected = torch.stack(every).mean(0).double()
    found = gates_of(layer, traces)
    torch.testing.assert_close(found.means["update"], expected)
    assert found.shares["update/mean"] == pytest.approx(float(expected.mean()))
    low = (torch.stack(every) < 0.05).double().mean()
    high = (torch.stack(every) > 0.95).double().mean()
    assert (found.shares["update/low"], found.shares["update/high"]) == pytest.approx(
        (float(low), float(high))
    )
    assert low + high > 0


def test_layers_read_what_the_stack_gives_them():
    torch.manual_seed(0)
    encoder = RecurrentEncoder(
        Features(3), lambda size: GRU(size, hidden_size=2), num_layers=2, bidirectional=True
    ).eval()
    x, lengths = torch.randn(2, 4, 3), torch.tensor([4, 2])
    batch = Batch(x, lengths, target=lengths)
    traces, taken = read(encoder, [batch] * 3, steps=8, least=1)
    assert list(traces) == list(encoder_layers(encoder))
    assert list(traces) == [f"encoder.{i}.{d}" for i in range(2) for d in ("forward", "backward")]
    assert len(taken) == 2  # 6 real steps each
    first = encoder.layers[0].outputs(x, lengths)
    for name, expected in (("encoder.0.backward", x), ("encoder.1.backward", first)):
        read_ = sequences(traces[name])
        assert [len(s) for s in read_] == [4, 2, 4, 2]
        torch.testing.assert_close(read_[1], expected[1, :2].flip(0))
    torch.testing.assert_close(sequences(traces["encoder.1.forward"])[0], first[0])
