"""Shares of stuck gates: equal to those of a loop over `step`, padding left out."""

import math

import pytest
import torch
from torch.nn import functional

from rnnlab.config.compose import compose_words
from rnnlab.diagnostics.naming import real_steps
from rnnlab.diagnostics.saturation import gate_scalars
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN
from rnnlab.runs.build import build_data, build_model, build_vectors
from runs import scalars, small_run
from tiny import CORPORA, SMALL

LENGTHS = [7, 1, 4, 5]


def gates_by_hand(layer, x, state):
    """Of one step: the sigmoids, and what a tanh bounds, written out anew from the weights."""
    a = functional.linear(x, layer.weight_ih_l0, layer.bias_ih_l0)
    b = functional.linear(state[0], layer.weight_hh_l0, layer.bias_hh_l0)
    if isinstance(layer, LSTM):
        i, f, g, o = (a + b).chunk(4)
        cell = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
        sigmoids = {"input": i.sigmoid(), "forget": f.sigmoid(), "output": o.sigmoid()}
        return sigmoids, {"cell": g.tanh(), "state": cell.tanh()}
    if isinstance(layer, GRU):
        (ar, az, an), (br, bz, bn) = a.chunk(3), b.chunk(3)
        sigmoids = {"reset": (ar + br).sigmoid(), "update": (az + bz).sigmoid()}
        return sigmoids, {"new": (an + sigmoids["reset"] * bn).tanh()}
    return {}, {"hidden": (a + b).tanh()}


def by_loop(layer, x, lengths):
    """All scalars from single values of single sequences, one step after the other."""
    kept: dict[str, list[torch.Tensor]] = {}
    for row, length in zip(x, lengths, strict=True):
        state = layer.initial_state(1, row)
        for t in range(length):
            sigmoids, tanhs = gates_by_hand(layer, row[t], tuple(part[0] for part in state))
            _, state = layer.step(row[t : t + 1], state)
            for name, values in sigmoids.items():
                kept.setdefault(f"{name}/low", []).append((values < 0.05).double())
                kept.setdefault(f"{name}/high", []).append((values > 0.95).double())
                kept.setdefault(f"{name}/mean", []).append(values)
            for name, values in tanhs.items():
                kept.setdefault(f"{name}/saturated", []).append((values.abs() > 0.97).double())
            for name, part in zip("hc", state, strict=False):
                kept.setdefault(f"{name}/norm", []).append(part.norm().reshape(1))
    result = {name: float(torch.cat(values).mean()) for name, values in kept.items()}
    for holding in ("forget", "update"):
        if f"{holding}/mean" in result:
            result["memory"] = -1 / math.log(result[f"{holding}/mean"])
    return result


@pytest.mark.parametrize("kernel", ["fused", "bptt", "scan"])
@pytest.mark.parametrize("cell", [RNN, LSTM, GRU])
def test_equals_a_loop_over_steps(cell, kernel):
    torch.manual_seed(0)
    layer = cell(3, hidden_size=6, kernel=kernel).double()
    with torch.no_grad():  # so large that all shares are between 0 and 1
        for parameter in layer.parameters():
            parameter.mul_(3).add_(0.3)
    x = 2 * torch.randn(len(LENGTHS), 7, 3, dtype=torch.double)
    x[1, 1:] = math.nan  # padding may hold anything
    lengths = torch.tensor(LENGTHS)
    traces = []
    with layer.record(traces.append):
        layer(x, lengths)
    (trace,) = traces
    found = gate_scalars("gate/encoder.0", layer.gate_values(trace), trace.valid)
    with torch.no_grad():
        expected = by_loop(layer, x, LENGTHS)
    assert {k.removeprefix("gate/encoder.0/") for k in found} == set(expected)
    for name, value in expected.items():
        assert float(found[f"gate/encoder.0/{name}"]) == pytest.approx(value, rel=1e-6), name
    shares = [value for name, value in expected.items() if name.endswith(("high", "saturated"))]
    assert any(0 < share < 1 for share in shares)


def test_known_memory():
    """A forget gate of s(2) everywhere keeps a state for -1 / log s(2) = 7.88 steps."""
    layer = LSTM(2, hidden_size=4, forget_bias=2.0)
    with torch.no_grad():
        layer.weight_ih_l0.zero_()
        layer.weight_hh_l0.zero_()
    traces = []
    with layer.record(traces.append):
        layer(torch.randn(3, 5, 2))
    found = gate_scalars("gate/x", layer.gate_values(traces[0]), traces[0].valid)
    assert float(found["gate/x/memory"]) == pytest.approx(7.8788, abs=1e-3)
    assert float(found["gate/x/forget/high"]) == 0
    assert float(found["gate/x/c/norm"]) == 0


def test_a_decoders_padding_does_not_count(tmp_path):
    words = [*CORPORA["translation"](tmp_path), *SMALL]
    cfg = compose_words("train", words).cfg
    vectors = build_vectors(cfg)
    data = build_data(cfg, vectors)
    batch = next(iter(data.train_dataloader()))
    model = build_model(cfg, data.spec(), vectors)
    traces = []
    layer = model.task.decoder.layers[0]
    with layer.record(traces.append):
        model.task.loss(model.encoder(batch.inputs, batch.lengths), batch)
    assert len(traces) == 1
    valid = real_steps(traces[0], batch)
    assert valid.tolist() == (batch.target[:, 1:] != -100).tolist()
    assert not valid.all()


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_a_run_logs_every_layer_and_gate(cell, tmp_path):
    words = ["logger=tensorboard", "diagnostics=full", "diagnostics.saturation.every_n_steps=10"]
    words += ["encoder.bidirectional=true", "encoder.num_layers=2", f"cell={cell}"]
    small_run(tmp_path / "run", *words, "trainer.accumulate_grad_batches=2")
    logged = scalars(tmp_path / "run")
    last = {
        "rnn": ["hidden/saturated", "h/norm"],
        "lstm": ["forget/high", "input/low", "output/mean", "state/saturated", "memory", "c/norm"],
        "gru": ["reset/low", "update/mean", "new/saturated", "memory", "h/norm"],
    }[cell]
    for layer in (
        "encoder.0.forward",
        "encoder.0.backward",
        "encoder.1.forward",
        "encoder.1.backward",
    ):
        for name in last:
            assert [step for step, _ in logged[f"gate/{layer}/{name}"]] == [1, 10], name
    assert ("gate/encoder.0.forward/c/norm" in logged) == (cell == "lstm")
