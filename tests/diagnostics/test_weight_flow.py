"""Gradient norms by gate: equal to plain sums, taken before clipping, once per optimiser step."""

import math
from contextlib import nullcontext

import pytest
import torch
from lightning import Callback
from lightning.pytorch.plugins import MixedPrecision

from rnnlab.config.compose import compose_words
from rnnlab.config.trust import make
from rnnlab.diagnostics.weight_flow import gradient_norms, update_ratios
from rnnlab.runs import train
from rnnlab.runs.build import build_model, build_vectors
from runs import SMALL, merged, scalars, small_run
from tiny import start


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
    layer = trained["encoder"].layers[1].backward_layer
    seen = 0
    for gate, (name, rows) in layer.gates().items():
        expected = float(layer.get_parameter(name).grad[rows].norm())
        assert float(norms[f"grad/encoder.1.backward/{gate}"]) == pytest.approx(expected, rel=1e-5)
        seen += 1
    assert seen >= 3


class Spy(Callback):
    """Weights before and after each optimiser step, and the gradient that the optimiser used."""

    def __init__(self):
        self.weights = []
        self.used = []

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.weights.append({n: p.detach().double() for n, p in pl_module.named_parameters()})
        grads = [p.grad for p in pl_module.parameters() if p.grad is not None]
        self.used.append(float(torch.nn.utils.get_total_norm(grads)))


EVERY = [
    "logger=tensorboard",
    "trainer.log_every_n_steps=1",
    "diagnostics.weight_flow.every_n_steps=1",
]


@pytest.fixture
def spied(monkeypatch):
    spy = Spy()
    real = train.build_callbacks
    monkeypatch.setattr(train, "build_callbacks", lambda *given: [spy, *real(*given)])
    return spy


@pytest.mark.parametrize("limit", [0.001, 0.05, 100.0])
@pytest.mark.parametrize("algorithm", ["norm", "value"])
def test_norms_before_and_after_clipping(algorithm, limit, spied, tmp_path):
    clip = [f"trainer.gradient_clip_val={limit}", f"trainer.gradient_clip_algorithm={algorithm}"]
    small_run(tmp_path / "run", *EVERY, *clip)
    logged = scalars(tmp_path / "run")
    before = [value for _, value in logged["grad/total"]]
    after = [value for _, value in logged["grad/total_clipped"]]
    assert len(before) == 20
    assert after == pytest.approx(spied.used, rel=1e-5)
    assert all(b >= a * (1 - 1e-6) for b, a in zip(before, after, strict=True))
    if algorithm == "norm":
        assert max(after) <= limit * 1.001
        clipped = [value for _, value in logged["grad/clipped"]]
        assert clipped == [float(value > limit) for value in before]
    if limit == 100.0:
        assert before == pytest.approx(after, rel=1e-5)


def test_no_clipped_norm_where_nothing_is_clipped(tmp_path):
    small_run(tmp_path / "run", *EVERY, "trainer.gradient_clip_val=null")
    logged = scalars(tmp_path / "run")
    assert "grad/total" in logged
    assert "grad/total_clipped" not in logged


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd", "rmsprop"])
def test_updates_are_what_the_weights_changed_by(optimizer, spied, tmp_path):
    small_run(tmp_path / "run", *EVERY, f"optimizer={optimizer}", "encoder.bidirectional=true")
    logged = scalars(tmp_path / "run")
    layers = {
        "encoder.0.forward": "encoder.layers.0.forward_layer.",
        "encoder.0.backward": "encoder.layers.0.backward_layer.",
        "encoder.embedding": "encoder.embedding.",
        "task.head": "task.head.",
    }
    assert {tag for tag in logged if tag.startswith("update/")} == {f"update/{n}" for n in layers}
    for name, prefix in layers.items():
        points = dict(logged[f"update/{name}"])
        for step in range(2, 21):
            old, new = spied.weights[step - 2], spied.weights[step - 1]
            mine = [key for key in new if key.startswith(prefix)]
            change = math.sqrt(sum(float((new[k] - old[k]).square().sum()) for k in mine))
            weight = math.sqrt(sum(float(new[k].square().sum()) for k in mine))
            assert points[step] == pytest.approx(change / weight, rel=2e-3), (name, step)


def test_accumulation_measures_once_per_optimiser_step(tmp_path):
    small_run(tmp_path / "run", *EVERY, "trainer.accumulate_grad_batches=5")
    logged = scalars(tmp_path / "run")
    for tag in ("grad/encoder.0/recurrent/forget", "update/encoder.0"):
        assert [step for step, _ in logged[tag]] == [1, 2, 3, 4]
        assert all(value > 0 for _, value in logged[tag])


class Scaled(MixedPrecision):
    """Loss scaling alone: all is computed in float32."""

    def forward_context(self):
        return nullcontext()


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])  # the first one is fused
def test_scaled_losses_are_unscaled(optimizer, tmp_path, monkeypatch):
    """A power of two scales exactly, so that everything measured has to be equal."""
    words = ["trainer.gradient_clip_val=0.05", f"optimizer={optimizer}"]
    small_run(tmp_path / "plain", *EVERY, *words)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    real = train.build_trainer

    def scaled(cfg, folder, callbacks):
        trainer = real(cfg, folder, callbacks)
        trainer.strategy.precision_plugin = Scaled("16-mixed", "cpu", scaler=scaler)
        return trainer

    monkeypatch.setattr(train, "build_trainer", scaled)
    small_run(tmp_path / "scaled", *EVERY, *words)
    assert scaler.get_scale() == 1024.0
    plain, same = scalars(tmp_path / "plain"), scalars(tmp_path / "scaled")
    measured = [tag for tag in plain if tag.startswith(("grad/", "update/"))]
    assert {"grad/total_clipped", "update/task.head"} <= set(measured)
    for tag in measured:
        assert same[tag] == plain[tag], tag


@pytest.mark.ddp
@pytest.mark.slow
def test_two_processes_measure_their_mean_gradient(tmp_path):
    """Two processes with a batch each are one with both."""
    words = merged([*SMALL, *EVERY, "trainer.max_epochs=1", "trainer.gradient_clip_val=0.1"])
    two = [*words, "trainer=ddp", "trainer.devices=2", f"hydra.run.dir={tmp_path / 'two'}"]
    said = start("train", *two, cwd=tmp_path)
    assert said.code == 0, said.err
    small_run(tmp_path / "one", *words, "data.batch_size=64")
    one, both = scalars(tmp_path / "one"), scalars(tmp_path / "two")
    measured = [tag for tag in one if tag.startswith(("grad/", "update/"))]
    assert {"grad/total", "grad/encoder.0/recurrent/forget", "update/encoder.0"} <= set(measured)
    for tag in measured:
        assert [step for step, _ in both[tag]] == [step for step, _ in one[tag]] == [1, 2, 3, 4, 5]
        values, expected = ([value for _, value in each[tag]] for each in (both, one))
        assert values == pytest.approx(expected, rel=1e-3), tag


def test_frozen_parameters_have_no_figures(trained):
    for parameter in trained["encoder"].embedding.parameters():
        parameter.requires_grad_(False)
        parameter.grad = None
    norms = gradient_norms(trained)
    assert "grad/task.head" in norms
    assert "grad/encoder.embedding" not in norms


def test_update_of_what_started_at_zero():
    linear = torch.nn.Sequential(torch.nn.Linear(2, 2, bias=False))
    torch.nn.init.zeros_(linear[0].weight)
    linear(torch.ones(1, 2)).sum().backward()
    before = {"0": [linear[0].weight.detach().clone()]}
    assert float(update_ratios(linear, before)["update/0"]) == 0
    before = {"0": [linear[0].weight.detach().clone()]}
    torch.optim.SGD(linear.parameters(), lr=0.1).step()
    assert float(update_ratios(linear, before)["update/0"]) == pytest.approx(1)
