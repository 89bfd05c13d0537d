"""The probe in whole models against unrolled autograd, and answers known without a computer."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import nn

from models import CELLS, SHAPES, TASKS, WORDS, Words, batch_of, translate
from rnnlab.diagnostics.naming import recurrent_layers
from rnnlab.diagnostics.stats import MAX_HALF_LIFE, curve_of
from rnnlab.diagnostics.time_flow import curves, watch_norms
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN
from rnnlab.nn.recurrent import RecurrentEncoder


def unroll(layer, kept):
    """A layer as a loop over sequences and steps, each of whose states keeps its gradient."""

    def forward(x, lengths=None, state=None):
        start = layer.initial_state(len(x), x) if state is None else state
        ends = [x.shape[1]] * len(x) if lengths is None else lengths.tolist()
        outputs, finals = [], []
        for row, end in enumerate(ends):
            now = tuple(part[row : row + 1] for part in start)
            given = []
            for t in range(end):
                output, now = layer.step(x[row : row + 1, t], now)
                for part in now:
                    part.retain_grad()
                kept.setdefault(row, []).append(now)
                given.append(output)
            outputs.append(nn.functional.pad(torch.cat(given), (0, 0, 0, x.shape[1] - end)))
            finals.append(now)
        return torch.stack(outputs), tuple(torch.cat(parts) for parts in zip(*finals, strict=True))

    layer.forward = forward
    layer.outputs = lambda x, lengths=None: forward(x, lengths)[0]


def norms_of(kept, part, shape):
    norms = np.zeros(shape)
    for row, states in kept.items():
        for t, state in enumerate(states):
            norms[row, t] = state[part].grad.norm()
    return norms


# every pair of a cell, a task, a kernel and a number of directions is in one of them
PAIRWISE = [
    (cell, task, ("fused", "bptt", "scan")[(i + j) % 3], (i + j) % 2 == 1)
    for i, cell in enumerate(CELLS)
    for j, task in enumerate(TASKS)
]


@pytest.mark.parametrize(("cell", "task", "kernel", "bidirectional"), PAIRWISE)
def test_every_layer_against_unrolled_autograd(cell, task, kernel, bidirectional):
    for depth, lengths in zip([1, 2, 3, 2, 1], SHAPES.values(), strict=True):
        torch.manual_seed(0)
        make = partial(CELLS[cell], hidden_size=4, kernel=kernel)
        encoder = RecurrentEncoder(
            Words(len(WORDS), 3), make, num_layers=depth, bidirectional=bidirectional
        )
        model = nn.ModuleDict({"encoder": encoder, "task": TASKS[task](encoder)}).double()
        batch = batch_of(lengths, task)
        seen = {}
        with watch_norms(model, seen):
            loss = model["task"].loss(encoder(batch.inputs, batch.lengths), batch)
        loss.backward()
        layers = recurrent_layers(model)
        directions = 2 if bidirectional else 1
        decoders = 2 if task in ("attention", "bottleneck") else 0
        assert len(layers) == depth * directions + decoders
        kept = {name: {} for name in layers}
        for name, layer in layers.items():
            unroll(layer, kept[name])
        exact = model["task"].loss(encoder(batch.inputs, batch.lengths), batch)
        torch.testing.assert_close(loss, exact, rtol=1e-12, atol=1e-12)
        exact.backward()
        parts = 2 if cell == "lstm" else 1
        assert len(seen) == len(layers) * parts
        for name in layers:
            for part, key in enumerate([name, f"{name}/cell"][:parts]):
                (norms,) = seen[key]
                expected = norms_of(kept[name], part, norms.shape)
                assert np.abs(norms.numpy() - expected).max() < 1e-10
                curve, same = curves(seen)[key], curve_of(expected)
                np.testing.assert_allclose(curve.decades, same.decades, atol=1e-8)
        assert any(
            float(n.sum()) > 0 for n in seen["encoder.0.forward" if bidirectional else "encoder.0"]
        )


@pytest.mark.parametrize("cell", CELLS)
def test_a_decoder_that_goes_step_by_step_against_autograd(cell):
    torch.manual_seed(0)
    encoder = RecurrentEncoder(Words(len(WORDS), 3), partial(CELLS[cell], hidden_size=4))
    task = translate("additive", input_feeding=True)(encoder)
    model = nn.ModuleDict({"encoder": encoder, "task": task}).double()
    batch = batch_of([5, 2, 1, 4], "tokens")

    def loss():
        return task.loss(encoder(batch.inputs, batch.lengths), batch)

    seen = {}
    with watch_norms(model, seen):
        watched = loss()
    watched.backward()
    kept = {depth: [] for depth in range(2)}
    for depth, layer in enumerate(task.decoder.layers):

        def step(x, state, states=kept[depth], plain=layer.step):
            output, after = plain(x, state)
            for part in after:
                part.retain_grad()
            states.append(after)
            return output, after

        layer.step = step
    exact = loss()
    assert torch.equal(watched, exact)
    exact.backward()
    for depth, states in kept.items():
        for part, key in enumerate([f"task.decoder.{depth}", f"task.decoder.{depth}/cell"]):
            if part < len(states[0]):
                (norms,) = seen[key]
                expected = [state[part].grad.norm(dim=1) for state in states]
                torch.testing.assert_close(norms, torch.stack(expected, dim=1))


def probe(layer, x, used=0):
    """The curve of a random direction at the last state; its part `used`."""
    seen = {}
    with watch_norms(nn.ModuleDict({"x": layer}), seen):
        _, final = layer(x)
    torch.manual_seed(3)
    (final[used] * torch.randn_like(final[used])).sum().backward()
    return curves(seen)


def rotation(size):
    return torch.linalg.qr(torch.randn(size, size, dtype=torch.float64))[0]


@pytest.mark.parametrize("kernel", ["fused", "bptt", "scan"])
def test_a_linear_rnn_has_the_slope_of_its_scale(kernel):
    """tanh is the identity near zero, so J = rho Q at every step."""
    for rho in (0.9, 1.0, 1.1):
        torch.manual_seed(0)
        layer = RNN(3, hidden_size=8, kernel=kernel).double()
        with torch.no_grad():
            layer.weight_hh_l0.copy_(rho * rotation(8))
        curve = probe(layer, 1e-9 * torch.randn(5, 40, 3, dtype=torch.float64))["x"]
        assert curve.decades_per_step == pytest.approx(np.log10(rho), abs=1e-12)
        assert np.isfinite(curve.decades).all()
        if rho != 1:
            assert curve.half_life == pytest.approx(np.log(2) / abs(np.log(rho)), rel=1e-9)


@pytest.mark.parametrize("kernel", ["fused", "bptt", "scan"])
def test_an_lstm_that_keeps_everything_is_flat(kernel):
    """f = 1 and i = 0: dc_T/dc_t is the identity."""
    torch.manual_seed(0)
    layer = LSTM(3, hidden_size=6, kernel=kernel).double()
    with torch.no_grad():
        layer.bias_ih_l0[layer.rows("forget")] = 1e4
        layer.bias_ih_l0[layer.rows("input")] = -1e4
    curve = probe(layer, torch.randn(4, 30, 3, dtype=torch.float64), used=1)["x/cell"]
    np.testing.assert_allclose(curve.decades, curve.decades[0], rtol=0, atol=1e-14)
    assert curve.half_life == MAX_HALF_LIFE
    assert curve.first_last_ratio == pytest.approx(1.0, rel=1e-12)


@pytest.mark.parametrize("kernel", ["fused", "bptt", "scan"])
def test_a_gru_that_keeps_everything_is_flat(kernel):
    torch.manual_seed(0)
    layer = GRU(3, hidden_size=6, kernel=kernel, update_bias=1e4).double()
    curve = probe(layer, torch.randn(4, 30, 3, dtype=torch.float64))["x"]
    np.testing.assert_allclose(curve.decades, curve.decades[0], rtol=0, atol=1e-14)
    assert curve.half_life == MAX_HALF_LIFE
