"""The memory curve against whole Jacobians, answers known beforehand, and real runs."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from rnnlab.data.batch import Batch
from rnnlab.diagnostics.memory import memory_curve, memory_curves, probe_norms
from rnnlab.diagnostics.stats import curve_of
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN
from rnnlab.layers.trace import Trace
from rnnlab.nn.recurrent import RecurrentEncoder
from runs import small_run

CELLS = {"rnn": RNN, "lstm": LSTM, "gru": GRU}
KERNELS = pytest.mark.parametrize("kernel", ["fused", "bptt", "scan"])
D, H = 3, 4
LENGTHS = torch.tensor([5, 1, 3])


def trace_of(layer, x, lengths=None, state=None):
    traces = []
    with torch.no_grad(), layer.record(traces.append):
        layer(x, lengths, state)
    return traces[0]


def exact(layer, trace):
    """Frobenius norms of dh_T/ds_t: every row of every Jacobian, through an unrolled loop."""
    squares = [np.zeros(trace.outputs.shape[:2]) for _ in trace.initial]
    for row in range(len(trace.inputs)):
        end = trace.outputs.shape[1] if trace.lengths is None else int(trace.lengths[row])
        state = tuple(part[row : row + 1] for part in trace.initial)
        states = []
        for t in range(end):
            _, state = layer.step(trace.inputs[row : row + 1, t], state)
            states.append(state)
        every = [part for state in states for part in state]
        for unit in state[0][0]:
            found = torch.autograd.grad(unit, every, retain_graph=True, allow_unused=True)
            for number, gradient in enumerate(found):
                if gradient is not None:
                    t, part = divmod(number, len(squares))
                    squares[part][row, t] += float(gradient.square().sum())
    return [np.sqrt(part) for part in squares]


@KERNELS
@pytest.mark.parametrize("cell", CELLS)
def test_all_unit_directions_give_the_whole_jacobian(cell, kernel):
    ragged = (len(cell) + len(kernel)) % 2  # each cell and each kernel with both
    lengths = LENGTHS if ragged else None
    torch.manual_seed(0)
    layer = CELLS[cell](D, hidden_size=H, kernel=kernel).double()
    x = torch.randn(3, 5, D, dtype=torch.float64)
    state = tuple(torch.randn_like(part) for part in layer.initial_state(3, x))
    trace = trace_of(layer, x, lengths, state)
    units = torch.eye(H, dtype=torch.float64).unsqueeze(1).expand(H, 3, H)
    norms = probe_norms(layer, trace, units)
    for one, other in zip(norms, exact(layer, trace), strict=True):
        np.testing.assert_allclose(one.square().sum(0).sqrt().numpy(), other, atol=1e-10)
    assert len(norms) == (2 if cell == "lstm" else 1)
    assert all(p.grad is None for p in layer.parameters())


def test_random_directions_come_near():
    torch.manual_seed(0)
    layer = GRU(D, hidden_size=32).double()
    trace = trace_of(layer, torch.randn(4, 12, D, dtype=torch.float64))
    (curve,) = memory_curve(layer, trace, probes=64)
    expected = curve_of(exact(layer, trace)[0])
    np.testing.assert_allclose(curve.decades, expected.decades, atol=0.03)
    assert memory_curve(layer, trace)[0].decades.tolist() == (
        memory_curve(layer, trace)[0].decades.tolist()
    )


def test_squares_are_averaged_before_the_logarithm():
    """Of a rank-one J the mean logarithm of |v^T J| is 0.28 decades too low."""
    torch.manual_seed(0)
    layer = RNN(1, hidden_size=16, kernel="bptt").double()
    with torch.no_grad():
        layer.weight_hh_l0.copy_(torch.outer(torch.randn(16), torch.randn(16)) * 0.1)
    trace = trace_of(layer, torch.zeros(200, 2, 1, dtype=torch.float64))
    (curve,) = memory_curve(layer, trace, probes=16)
    true = float(layer.weight_hh_l0.norm().log10().detach())
    assert curve.decades[1] == pytest.approx(true, abs=0.05)
    (norms,) = probe_norms(layer, trace, torch.randn(16, 200, 16, dtype=torch.float64))
    assert float(norms[..., 0].log10().mean()) == pytest.approx(true - 0.28, abs=0.05)


@pytest.mark.parametrize(("kernel", "rho"), [("fused", 0.9), ("bptt", 1.0), ("scan", 1.1)])
def test_a_tanh_rnn_at_rest_is_its_matrix(kernel, rho):
    """J = W_hh at h = 0; of a scaled rotation every power has the norm rho^k sqrt(H)."""
    torch.manual_seed(0)
    layer = RNN(D, hidden_size=8, kernel=kernel).double()
    with torch.no_grad():
        layer.weight_hh_l0.mul_(rho)  # orthogonal at the start
    trace = trace_of(layer, torch.zeros(3, 30, D, dtype=torch.float64))
    units = torch.eye(8, dtype=torch.float64).unsqueeze(1).expand(8, 3, 8)
    norms = probe_norms(layer, trace, units)[0].square().sum(0).sqrt()
    expected = 8**0.5 * rho ** np.arange(29, -1, -1)
    np.testing.assert_allclose(norms.numpy(), np.tile(expected, (3, 1)), rtol=1e-6)
    (curve,) = memory_curve(layer, trace)
    assert curve.decades_per_step == pytest.approx(np.log10(rho), abs=1e-6)


def test_gates_that_hold_give_flat_curves():
    x = torch.randn(3, 20, D, dtype=torch.float64)
    gru = GRU(D, hidden_size=H, update_bias=1e4).double()
    assert memory_curve(gru, trace_of(gru, x))[0].decades_per_step == pytest.approx(0, abs=1e-14)
    lstm = LSTM(D, hidden_size=H, forget_bias=1e4).double()
    with torch.no_grad():
        lstm.bias_ih_l0[lstm.rows("input")] = -1e4
    cell = memory_curve(lstm, trace_of(lstm, x))[1]
    assert cell.decades_per_step == pytest.approx(0, abs=1e-14)


class Words(nn.Embedding):
    output_size = D


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("cell", CELLS)
def test_curves_of_an_encoder_leave_no_trace(cell, bidirectional):
    torch.manual_seed(0)
    encoder = RecurrentEncoder(
        Words(9, D),
        partial(CELLS[cell], hidden_size=H),
        num_layers=2,
        bidirectional=bidirectional,
        dropout=0.5,
        input_dropout=0.5,
    )
    encoder.dropout.eval()  # modes of parts that differ come back as they were
    batch = Batch(torch.randint(9, (3, 5)), LENGTHS, torch.zeros(3, dtype=torch.long))
    encoder(batch.inputs, batch.lengths).final.sum().backward()
    before = {name: p.grad.clone() for name, p in encoder.named_parameters()}
    modes = [part.training for part in encoder.modules()]
    random = torch.get_rng_state()
    curves = memory_curves(encoder, batch)
    with torch.inference_mode():
        again = memory_curves(encoder, batch)
    assert torch.equal(torch.get_rng_state(), random)
    assert [part.training for part in encoder.modules()] == modes
    assert all(torch.equal(p.grad, before[name]) for name, p in encoder.named_parameters())
    layers = ["0.forward", "0.backward", "1.forward", "1.backward"] if bidirectional else ["0", "1"]
    parts = ["", "/cell"] if cell == "lstm" else [""]
    assert list(curves) == [f"encoder.{layer}{part}" for layer in layers for part in parts]
    for name, curve in curves.items():
        assert np.isfinite(curve.decades).all()
        np.testing.assert_array_equal(curve.decades, again[name].decades)


def test_the_backward_direction_reads_from_the_end():
    torch.manual_seed(0)
    encoder = RecurrentEncoder(Words(9, D), partial(GRU, hidden_size=H), bidirectional=True)
    batch = Batch(torch.randint(9, (3, 5)), LENGTHS, torch.zeros(3, dtype=torch.long))
    embedded = encoder.embedding(batch.inputs).detach()
    turned = embedded.clone()
    for row, length in enumerate(LENGTHS.tolist()):
        turned[row, :length] = embedded[row, :length].flip(0)
    layer = encoder.layers[0].backward_layer
    start = layer.initial_state(3, turned)
    trace = Trace(turned, LENGTHS, start, layer(turned, LENGTHS)[0].detach())
    (expected,) = memory_curve(layer, trace)
    got = memory_curves(encoder, batch)["encoder.0.backward"]
    np.testing.assert_allclose(got.decades, expected.decades, atol=1e-6)


def test_a_run_with_it_is_the_run_without(tmp_path):
    words = ["cell=lstm", "cell.kernel=bptt", "encoder.dropout=0.3", "encoder.num_layers=2"]
    full = ["diagnostics=full", "diagnostics.memory.every_n_steps=3", "diagnostics.projector=null"]
    on = small_run(tmp_path / "on", *words, *full, "logger=csv", "trainer.log_every_n_steps=1")
    off = small_run(tmp_path / "off", *words, "diagnostics=off")
    one, other = (
        torch.load(tmp_path / run / "checkpoints/last.ckpt", weights_only=True)
        for run in ("on", "off")
    )
    for key in ("state_dict", "optimizer_states", "random_states"):
        torch.testing.assert_close(one[key], other[key], rtol=0, atol=0)
    assert on.record["test"] == off.record["test"]
    with np.load(tmp_path / "on/diagnostics/memory.npz") as file:
        assert file["steps"].tolist() == [1, 3, 6, 9, 12, 15, 18]
        assert file["layers"].tolist() == [
            "encoder.0",
            "encoder.0/cell",
            "encoder.1",
            "encoder.1/cell",
        ]
        assert np.isfinite(file["decades"]).all()
    assert (tmp_path / "on/figures/memory.png").exists()
    (metrics,) = (tmp_path / "on").rglob("metrics.csv")
    header = metrics.read_text().splitlines()[0].split(",")
    assert "memory/encoder.1/first_last_ratio" in header
