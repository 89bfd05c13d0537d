"""Gradient norms by gate: equal to plain sums, taken before clipping, once per optimiser step."""

import math

import pytest
import torch
from lightning import Callback

from rnnlab import train
from rnnlab.build import build_model, build_vectors
from rnnlab.composing import compose_words
from rnnlab.diagnostics.weight_flow import gradient_norms
from rnnlab.trust import make
from runs import small_run


@pytest.fixture(params=["rnn", "lstm", "gru"])
def trained(request):
    """A module after one backward pass, in double precision, bidirectional, two layers."""
    words = ["task=delayed_recall", "data.lag=3", "data.train_size=64", f"cell={request.param}"]
    words += ["encoder.bidirectional=true", "encoder.num_layers=2", "cell.hidden_size=5"]
    cfg = compose_words("train", words).cfg
    data = make(cfg["data"], [])
    model = build_model(cfg, data.spec(), build_vectors(cfg))
    module = torch.nn.ModuleDict({"encoder": model.encoder, "task": model.task}).double()
    batch = next(iter(data.train_dataloader()))
    model.task.loss(model.encoder(batch.inputs, batch.lengths), batch).backward()
    return module


def test_squares_of_the_parts_add_up_to_the_total(trained):
    norms = gradient_norms(trained)
    total = norms.pop("grad/total")
    # biases are reported once; torch keeps two of them, with gradients of their own
    every = math.sqrt(sum(float(p.grad.square().sum()) for p in trained.parameters()))
    assert float(total) == pytest.approx(every, rel=1e-5)
    parts = {k: v for k, v in norms.items() if "/bias/" not in k}
    biases = [p.grad for n, p in trained.named_parameters() if "bias" in n and "layers" in n]
    rest = sum(float(v) ** 2 for v in parts.values()) + sum(float(b.square().sum()) for b in biases)
    assert math.sqrt(rest) == pytest.approx(every, rel=1e-5)


def test_each_gate_is_its_rows(trained):
    norms = gradient_norms(trained)
    layer = trained["encoder"].layers[1].back
    seen = 0
    for gate, (name, rows) in layer.gates().items():
        expected = float(layer.get_parameter(name).grad[rows].norm())
        assert float(norms[f"grad/encoder.1.back/{gate}"]) == pytest.approx(expected, rel=1e-5)
        seen += 1
    assert seen >= 3


class ClippedNorm(Callback):
    """The gradient's norm as the optimiser sees it, and the last one posted before clipping."""

    def __init__(self) -> None:
        self.after: list[float] = []

    def on_before_zero_grad(self, trainer, pl_module, optimizer):
        grads = [p.grad for p in pl_module.parameters() if p.grad is not None]
        if grads:
            self.after.append(float(torch.nn.utils.get_total_norm(grads)))


def test_norms_are_from_before_clipping(tmp_path, monkeypatch):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    spy = ClippedNorm()
    real = train.build_callbacks
    monkeypatch.setattr(train, "build_callbacks", lambda *a: [*real(*a), spy])
    small_run(
        tmp_path / "run",
        "logger=tensorboard",
        "trainer.gradient_clip_val=0.001",
        "trainer.log_every_n_steps=1",
        "diagnostics.weight_flow.every_n_steps=1",
    )
    board = EventAccumulator(str(tmp_path / "run"))
    board.Reload()
    before = [point.value for point in board.Scalars("grad/total")]
    assert len(before) == 20
    assert min(before) > 0.01
    assert spy.after
    assert max(spy.after) <= 0.001 * 1.001
    assert {point.value for point in board.Scalars("grad/clipped")} == {1.0}


def test_accumulation_measures_once_per_optimiser_step(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    small_run(
        tmp_path / "run",
        "logger=tensorboard",
        "trainer.accumulate_grad_batches=5",
        "trainer.log_every_n_steps=1",
        "diagnostics.weight_flow.every_n_steps=1",
    )
    board = EventAccumulator(str(tmp_path / "run"))
    board.Reload()
    points = board.Scalars("grad/encoder.0/recurrent/forget")
    assert [point.step for point in points] == [1, 2, 3, 4]
