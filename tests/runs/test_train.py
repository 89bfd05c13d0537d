"""A run from configuration to record: contents, determinism, divergence."""

import json
import math
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.hparams.backend_context import Context

from rnnlab.training.checkpoint import find_checkpoint, read_checkpoint
from runs import scalars, small_run, weights


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "finished"
    outcome = small_run(
        folder, "logger=tensorboard", "diagnostics=full", "diagnostics.weight_flow.every_n_steps=5"
    )
    return folder, outcome


def events(folder: Path) -> EventAccumulator:
    accumulator = EventAccumulator(str(folder))
    accumulator.Reload()
    return accumulator


def test_folder_holds_what_is_promised(finished):
    folder, outcome = finished
    assert (folder / "config.yaml").is_file()
    assert (folder / "checkpoints" / "best.ckpt").is_file()
    assert (folder / "checkpoints" / "last.ckpt").is_file()
    assert list(folder.glob("events.*"))
    assert outcome.status == "completed"


def test_record_names_what_a_reader_asks_for(finished):
    folder, outcome = finished
    record = json.loads((folder / "metrics.json").read_text())
    assert record["status"] == "completed"
    assert 0 <= record["test"]["accuracy"] <= 1
    assert record["test"]["loss"] > 0
    assert record["val"]["accuracy"] == pytest.approx(outcome.score)
    assert record["train_tokens_per_second"] > 0
    assert record["peak_memory_mb"] > 50
    assert record["epochs"] == 2
    assert record["steps"] == 20
    assert record["versions"]["torch"]
    stored = weights(folder / "checkpoints" / "best.ckpt")
    trained = [v for k, v in stored.items() if not k.startswith("_mean")]
    assert record["parameters"] == sum(v.numel() for v in trained)


def test_checkpoint_explains_itself(finished):
    folder, _ = finished
    checkpoint = read_checkpoint(find_checkpoint(folder))
    assert checkpoint.cfg["data"]["lag"] == 4
    assert checkpoint.choices["task"] == "delayed_recall"
    assert checkpoint.spec.kind == "label"


def test_scalars_are_on_the_board(finished):
    folder, outcome = finished
    board = events(folder)
    tags = board.Tags()["scalars"]
    for tag in (
        "train/loss",
        "train/lr",
        "val/accuracy",
        "val/loss",
        "time/tokens",
        "grad/total",
        "grad/clipped",
        "grad/encoder.0/recurrent/forget",
        "grad/encoder.0/input/cell",
        "grad/encoder.embedding",
        "grad/task.head",
        "final/test/accuracy",
    ):
        assert tag in tags, tag
    steps = [point.step for point in board.Scalars("train/loss")]
    assert steps == [1, 5, 10, 15, 20]
    final = board.Scalars("final/test/accuracy")[-1].value
    assert final == pytest.approx(outcome.record["test"]["accuracy"])


def test_the_hparams_tab_shows_what_differs_and_the_final_metrics(tmp_path):
    """As TensorBoard's own backend finds it."""
    for lag in (4, 5):
        small_run(tmp_path / str(lag), f"data.lag={lag}", "logger=tensorboard")
    multiplexer = EventMultiplexer().AddRunsFromDirectory(str(tmp_path))
    multiplexer.Reload()
    context = Context(
        TBContext(
            data_provider=MultiplexerDataProvider(multiplexer, str(tmp_path)), logdir=str(tmp_path)
        )
    )
    known = context.hparams_metadata(RequestContext(), "x")
    experiment = context.experiment_from_metadata(RequestContext(), "x", True, known, [])
    assert [info.name for info in experiment.hparam_infos if info.differs] == ["data.lag"]
    assert "cell" in {info.name for info in experiment.hparam_infos}
    metrics = {info.name.tag for info in experiment.metric_infos}
    assert {"final/val/accuracy", "final/test/accuracy"} <= metrics


def test_samples_and_projector(finished):
    folder, _ = finished
    text = events(folder).Tensors("samples/text_summary")
    assert text
    assert b"\t" in text[0].tensor_proto.string_val[0]
    assert list(folder.rglob("tensors.tsv"))


def test_same_seed_same_figures(tmp_path):
    one = small_run(tmp_path / "one").record["test"]
    two = small_run(tmp_path / "two").record["test"]
    other = small_run(tmp_path / "three", "seed=2").record["test"]
    assert one == two
    assert one != other


@pytest.mark.parametrize("kernel", ["bptt", "fused"])
def test_diagnostics_change_nothing(tmp_path, kernel):
    """Bit for bit where the kernel is the same with and without measuring, else up to rounding."""
    small_run(tmp_path / "off", "diagnostics=off", f"cell.kernel={kernel}")
    every = "diagnostics.weight_flow.every_n_steps=1"
    small_run(tmp_path / "full", "diagnostics=full", every, f"cell.kernel={kernel}")
    off = weights(tmp_path / "off/checkpoints/last.ckpt")
    full = weights(tmp_path / "full/checkpoints/last.ckpt")
    assert off.keys() == full.keys()
    for name, value in off.items():
        if kernel == "bptt":
            assert torch.equal(value, full[name]), name
        else:
            torch.testing.assert_close(value, full[name], rtol=1e-3, atol=1e-4)


def test_diverged_run_is_a_finished_run(tmp_path, capsys):
    outcome = small_run(
        tmp_path / "run",
        "task=adding",
        "cell=rnn",
        "cell.nonlinearity=relu",
        "optimizer=sgd",
        "optimizer.lr=1e30",
        "checkpoint.every_n_steps=1",
        "trainer.gradient_clip_val=null",
    )
    assert outcome.status == "diverged"
    assert outcome.score == -math.inf
    record = json.loads((tmp_path / "run/metrics.json").read_text())
    assert record["status"] == "diverged"
    assert record["score"] is None
    assert "diverged: the loss is" in capsys.readouterr().out
    last = tmp_path / "run/checkpoints/last.ckpt"
    assert not last.exists() or all(torch.isfinite(v).all() for v in weights(last).values())


def test_lower_is_better_gives_a_negated_score(tmp_path):
    outcome = small_run(tmp_path / "run", "task=adding")
    assert outcome.score == pytest.approx(-outcome.record["val"]["mse"])


def test_early_stopping(tmp_path):
    outcome = small_run(
        tmp_path / "run", "trainer.max_epochs=9", "optimizer.lr=0.0", "early_stopping.patience=1"
    )
    assert outcome.record["epochs"] < 9


@pytest.mark.parametrize("scheduler", ["cosine", "exponential", "step", "plateau"])
def test_schedulers_run(tmp_path, scheduler):
    assert small_run(tmp_path / "run", f"scheduler={scheduler}").status == "completed"


@pytest.mark.parametrize("accumulated", [1, 2])
def test_a_schedule_of_steps_and_a_warm_up(tmp_path, accumulated):
    """Against the formulas, step by step; and the first update is as small as its rate."""
    words = ["lr_schedule.interval=step", "optimizer=sgd", "optimizer.lr=0.5", "logger=tensorboard"]
    words += ["trainer.log_every_n_steps=1", f"trainer.accumulate_grad_batches={accumulated}"]
    warm = ["lr_schedule.warmup_steps=4", "scheduler=step", "scheduler.step_size=3"]
    small_run(tmp_path / "warm", *words, *warm, "scheduler.gamma=0.5")
    steps = 20 // accumulated
    rates = scalars(tmp_path / "warm")["train/lr"]
    assert [step for step, _ in rates] == list(range(1, steps + 1))
    made = [min(1, step / 4) * 0.5 * 0.5 ** ((step - 1) // 3) for step, _ in rates]
    assert [rate for _, rate in rates] == pytest.approx(made)
    small_run(tmp_path / "cosine", *words, "scheduler=cosine")
    last = torch.load(tmp_path / "cosine/checkpoints/last.ckpt", weights_only=True)
    assert last["lr_schedulers"][0]["T_max"] == steps
    assert last["lr_schedulers"][0]["_last_lr"][0] == pytest.approx(0.0, abs=1e-9)


def test_the_first_step_of_a_warm_up_moves_the_weights_by_its_share(tmp_path):
    words = ["optimizer=sgd", "optimizer.lr=0.5", "trainer.max_epochs=1", "data.train_size=32"]
    moved = {}
    for name, more in (("none", []), ("ten", ["lr_schedule.warmup_steps=10"])):
        small_run(tmp_path / f"{name}0", *words, "optimizer.lr=0.0")
        small_run(tmp_path / name, *words, *more)
        start, end = (weights(tmp_path / n / "checkpoints/last.ckpt") for n in (f"{name}0", name))
        moved[name] = {key: end[key] - start[key] for key in start}
    for key, change in moved["none"].items():
        torch.testing.assert_close(moved["ten"][key], change / 10, rtol=1e-2, atol=1e-7)


def test_clipping_by_value(tmp_path):
    words = ["trainer.gradient_clip_algorithm=value", "trainer.gradient_clip_val=0.01"]
    assert small_run(tmp_path / "run", *words).status == "completed"


def test_csv_logger(tmp_path):
    small_run(tmp_path / "run", "logger=csv")
    text = (tmp_path / "run/csv/version_0/metrics.csv").read_text()
    assert "train/loss" in text


def test_bf16(tmp_path):
    assert small_run(tmp_path / "run", "trainer.precision=bf16-mixed").status == "completed"
