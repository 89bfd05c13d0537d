"""`TimeFlow` in real runs: what it writes, and that it changes nothing."""

from contextlib import nullcontext

import numpy as np
import pytest
import torch
from lightning import Callback
from lightning.pytorch.plugins import MixedPrecision
from matplotlib.image import imread

import tiny
from rnnlab.diagnostics.naming import recurrent_layers
from rnnlab.errors import Interrupted
from rnnlab.runs import train
from rnnlab.runs.resume import resume_run
from runs import SMALL, merged, small_run

EVERY = "diagnostics.time_flow.every_n_steps=2"


def board(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder))
    found.Reload()
    return found


def curves(folder):
    with np.load(folder / "diagnostics" / "time_flow.npz") as file:
        return file["steps"].tolist(), file["layers"].tolist(), file["decades"]


def with_callback(monkeypatch, callback):
    real = train.build_callbacks
    monkeypatch.setattr(train, "build_callbacks", lambda *a: [*real(*a), callback])


def slope_of(curve):
    """Of the straight line through a curve; nan where it is none."""
    lags = np.arange(len(curve))
    base, slope = np.polynomial.polynomial.polyfit(lags, curve, 1)
    left = np.mean((curve - base - slope * lags) ** 2)
    return slope if left <= max(0.1 * curve.var(), 0.01) else np.nan


@pytest.mark.parametrize(
    ("words", "layers"),
    [
        (["cell=lstm"], ["encoder.0", "encoder.0/cell"]),
        (
            ["cell=gru", "encoder.bidirectional=true", "encoder.num_layers=2"],
            ["encoder.0.backward", "encoder.0.forward", "encoder.1.backward", "encoder.1.forward"],
        ),
        (["cell=rnn", "trainer.precision=bf16-mixed"], ["encoder.0"]),
    ],
)
def test_what_a_run_leaves(tmp_path, words, layers):
    small_run(tmp_path, "logger=tensorboard", EVERY, "trainer.log_every_n_steps=1", *words)
    steps, names, decades = curves(tmp_path)
    assert steps == [1, *range(2, 21, 2)]
    assert names == layers
    assert decades.shape == (11, len(layers), 5)  # lag 4: five steps
    assert np.isfinite(decades).all()
    events = board(tmp_path)
    for name in layers:
        ratios = events.Scalars(f"flow/{name}/first_last_ratio")
        assert [point.step for point in ratios] == steps
        slopes = {
            step: slope
            for step, curve in zip(steps, decades[:, layers.index(name)].astype(float), strict=True)
            if not np.isnan(slope := slope_of(curve))
        }
        for number, values in {
            "decades_per_step": slopes,
            "half_life": {step: np.log10(2) / abs(slope) for step, slope in slopes.items()},
        }.items():
            tag = f"flow/{name}/{number}"
            points = events.Scalars(tag) if tag in events.Tags()["scalars"] else []
            assert [point.step for point in points] == list(values)
            np.testing.assert_allclose([p.value for p in points], [*values.values()], rtol=1e-4)
    images = {"flow/curves", "flow/heatmap", "test/confusion"}
    assert set(events.Tags()["images"]) == images
    for picture in ("time_flow", "time_flow_heatmap"):
        image = imread(tmp_path / "figures" / f"{picture}.png")
        assert image.std() > 0.05  # something is drawn


def test_the_decoder_has_curves_too(tmp_path):
    run = tiny.train(tmp_path, "translation", "diagnostics=light")
    steps, names, decades = curves(run.folder)
    assert steps[0] == 1
    assert names == ["encoder.0", "encoder.0/cell", "task.decoder.0", "task.decoder.0/cell"]
    assert np.isfinite(decades[:, :, 0]).all()


def test_inputs_without_a_gradient(tmp_path):
    """Numbers, as of the adding task, are like frozen word vectors: nothing is trained below."""
    small_run(tmp_path, "task=adding", "data.lag=6", EVERY)
    _, names, decades = curves(tmp_path)
    assert names == ["encoder.0", "encoder.0/cell"]
    assert np.isfinite(decades).all()


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_measuring_changes_nothing(tmp_path, cell):
    """Weights, optimiser, random numbers and metrics, bit for bit, with dropout and clipping.

    All instruments measure at every step.
    """
    words = [f"cell={cell}", "cell.kernel=bptt", "encoder.num_layers=2", "encoder.dropout=0.3"]
    words += ["encoder.input_dropout=0.2", "encoder.bidirectional=true"]
    words += ["trainer.gradient_clip_val=0.5", "trainer.max_epochs=1"]
    words += ["trainer.val_check_interval=0.5"]  # validations in between
    instruments = ("weight_flow", "time_flow", "input_flow", "memory", "saturation")
    often = [f"diagnostics.{name}.every_n_steps=1" for name in instruments]
    on = small_run(
        tmp_path / "on", *words, "diagnostics=full", "diagnostics.memory.probes=1", *often
    )
    off = small_run(tmp_path / "off", *words, "diagnostics=off")
    one, other = (
        torch.load(tmp_path / run / "checkpoints/last.ckpt", weights_only=True)
        for run in ("on", "off")
    )
    for key in ("state_dict", "optimizer_states", "random_states"):
        torch.testing.assert_close(one[key], other[key], rtol=0, atol=0)
    assert on.record["test"] == off.record["test"]
    assert not (tmp_path / "off" / "diagnostics").exists()
    assert len(curves(tmp_path / "on")[0]) == 10


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_another_kernel_only_rounds(tmp_path, cell):
    """A fused layer's product is wider while it is watched."""
    words = [f"cell={cell}", "cell.kernel=fused", "trainer.max_epochs=1"]
    for name, more in {
        "on": ["diagnostics.time_flow.every_n_steps=1"],
        "off": ["diagnostics=off"],
    }.items():
        small_run(tmp_path / name, *words, *more)
    one, other = (
        torch.load(tmp_path / run / "checkpoints/last.ckpt", weights_only=True)["state_dict"]
        for run in ("on", "off")
    )
    for name, value in one.items():
        assert (value - other[name]).norm() <= 1e-6 * other[name].norm(), name


class Looks(Callback):
    """Which forward passes are watched."""

    def __init__(self):
        self.watched, self.after = [], []

    def on_train_start(self, trainer, pl_module):
        (layer,) = recurrent_layers(pl_module).values()
        plain = layer.outputs

        def outputs(*given):
            if layer._watchers:
                self.watched.append(self.now)
            return plain(*given)

        layer.outputs = outputs

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        (layer,) = recurrent_layers(pl_module).values()
        assert not layer._watchers  # others may have passes of their own here
        self.now = (trainer.global_step + 1, batch_idx)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        (layer,) = recurrent_layers(pl_module).values()
        self.after.append(bool(layer._watchers))


def test_only_sampled_steps_are_touched_and_of_an_accumulation_one_batch(tmp_path, monkeypatch):
    looks = Looks()
    with_callback(monkeypatch, looks)
    small_run(tmp_path, "trainer.accumulate_grad_batches=5", EVERY)
    assert looks.watched == [(1, 0), (2, 5), (4, 5)]
    assert len(looks.after) == 20
    assert not any(looks.after)


def test_the_division_of_an_accumulation_is_undone(tmp_path):
    """The same first batch, whether its loss is divided by 4 or not."""
    small_run(tmp_path / "one", EVERY)
    small_run(tmp_path / "four", EVERY, "trainer.accumulate_grad_batches=4")
    np.testing.assert_allclose(
        curves(tmp_path / "one")[2][0], curves(tmp_path / "four")[2][0], atol=1e-5
    )


class Scaled(MixedPrecision):
    """Loss scaling alone: all is computed in float32."""

    def forward_context(self):
        return nullcontext()


def test_a_loss_scale_is_undone(tmp_path, monkeypatch):
    """A power of two scales exactly, so that every curve has to be the same."""
    small_run(tmp_path / "plain", EVERY)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    real = train.build_trainer

    def scaled(cfg, folder, callbacks):
        trainer = real(cfg, folder, callbacks)
        trainer.strategy.precision_plugin = Scaled("16-mixed", "cpu", scaler=scaler)
        return trainer

    monkeypatch.setattr(train, "build_trainer", scaled)
    small_run(tmp_path / "scaled", EVERY)
    assert scaler.get_scale() == 1024.0
    for one, other in zip(curves(tmp_path / "plain"), curves(tmp_path / "scaled"), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.ddp
@pytest.mark.slow
def test_of_two_processes_the_first_measures(tmp_path):
    """At the same steps as one alone; test_recomputed.py compares the values of two processes."""
    words = merged([*SMALL, EVERY, "trainer.max_epochs=1"])
    two = [*words, "trainer=ddp", "trainer.devices=2", f"hydra.run.dir={tmp_path / 'two'}"]
    said = tiny.start("train", *two, cwd=tmp_path)
    assert said.code == 0, said.err
    small_run(tmp_path / "one", *words)
    both, one = curves(tmp_path / "two"), curves(tmp_path / "one")
    assert both[0] == [1, 2, 4]
    assert both[1] == one[1]
    assert both[2].shape == (3, *one[2].shape[1:])
    assert np.isfinite(both[2]).all()


class Stop(Callback):
    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        if trainer.global_step == 7:
            raise Interrupted


def test_a_resumed_run_goes_on_with_its_curves(tmp_path, monkeypatch):
    small_run(tmp_path / "whole", EVERY, "checkpoint.every_n_steps=3")
    with monkeypatch.context() as patch:
        with_callback(patch, Stop())
        small_run(tmp_path / "run", EVERY, "checkpoint.every_n_steps=3")
    assert curves(tmp_path / "run")[0] == [1, 2, 4, 6]
    resume_run(tmp_path / "run", [], [])
    for one, other in zip(curves(tmp_path / "run"), curves(tmp_path / "whole"), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_diverged_run_keeps_its_curves(tmp_path):
    outcome = small_run(
        tmp_path,
        EVERY,
        "task=adding",
        "cell=rnn",
        "cell.nonlinearity=relu",
        "optimizer=sgd",
        "optimizer.lr=1e30",
        "trainer.gradient_clip_val=null",
    )
    assert outcome.status == "diverged"
    assert curves(tmp_path)[0][0] == 1
