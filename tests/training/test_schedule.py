"""Learning rates with a warm-up: each step by hand, resumed runs, and what does not fit."""

import logging
from math import cos, pi, sqrt

import pytest
import torch

from rnnlab.config.compose import compose_words
from rnnlab.errors import ConfigError
from rnnlab.runs import train
from rnnlab.runs.dry_build import check_run
from rnnlab.runs.resume import resume_run
from runs import StopAt, equal, scalars, small_run

WARM = 6
FORMULAS = {
    "warmup_cosine": lambda t, end: min(1, (t + 1) / WARM) * (1 + cos(pi * t / end)) / 2,
    "warmup_inverse_sqrt": lambda t, end: min((t + 1) / WARM, sqrt(WARM / (t + 1))),
}
WORDS = [f"lr_schedule.warmup_steps={WARM}", "optimizer.lr=0.02", "logger=tensorboard"]
WORDS += ["trainer.log_every_n_steps=1"]


@pytest.mark.parametrize("scheduler", FORMULAS)
def test_every_step_has_its_rate_and_a_longer_run_goes_on_with_the_curve(tmp_path, scheduler):
    """Ten steps an epoch; of a cosine the longer curve holds from where the run goes on."""
    made = FORMULAS[scheduler]
    small_run(tmp_path / "run", *WORDS, f"scheduler={scheduler}", "trainer.max_epochs=2")
    rates = scalars(tmp_path / "run")["train/lr"]
    assert rates == [(t + 1, pytest.approx(0.02 * made(t, 20))) for t in range(20)]
    resume_run(tmp_path / "run", ["trainer.max_epochs=3"], [])
    rates = scalars(tmp_path / "run")["train/lr"][20:]
    assert rates == [(t + 1, pytest.approx(0.02 * made(t, 30))) for t in range(20, 30)]


@pytest.mark.parametrize("scheduler", FORMULAS)
def test_stopped_in_the_warm_up_and_resumed_is_as_if_never_stopped(
    tmp_path, monkeypatch, scheduler
):
    words = [*WORDS, f"scheduler={scheduler}", "trainer.accumulate_grad_batches=2"]
    words += ["checkpoint.every_n_steps=2", "checkpoint.max_overhead=1"]
    small_run(tmp_path / "whole", *words)
    real = train.build_callbacks
    with monkeypatch.context() as patch:
        patch.setattr(train, "build_callbacks", lambda *a: [*real(*a), StopAt(6, 0)])
        small_run(tmp_path / "stopped", *words)
    resume_run(tmp_path / "stopped", [], [])
    equal(tmp_path / "whole/checkpoints/last.ckpt", tmp_path / "stopped/checkpoints/last.ckpt")
    one, two = (
        torch.load(tmp_path / name / "checkpoints/last.ckpt", weights_only=True)
        for name in ("whole", "stopped")
    )
    assert one["lr_schedulers"] == two["lr_schedulers"]


def test_more_epochs_of_a_schedule_without_an_end_are_those_of_a_longer_run(tmp_path):
    words = [*WORDS, "scheduler=warmup_inverse_sqrt"]
    small_run(tmp_path / "run", *words, "trainer.max_epochs=1")
    resume_run(tmp_path / "run", ["trainer.max_epochs=2"], [])
    small_run(tmp_path / "whole", *words, "trainer.max_epochs=2")
    equal(tmp_path / "whole/checkpoints/last.ckpt", tmp_path / "run/checkpoints/last.ckpt")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["lr_schedule.interval=epoch"], "lr_schedule.interval: InverseSqrtLR counts steps; say s"),
        (["lr_schedule.warmup_steps=0"], "scheduler.decay_after: '?0'? is not an int of at least"),
        (["trainer.max_steps=400"], "lr_schedule.warmup_steps: 400, of trainer.max_steps=400"),
    ],
)
def test_what_does_not_fit_is_found_before_a_run(words, message):
    composed = compose_words(
        "train", ["task=delayed_recall", "scheduler=warmup_inverse_sqrt", *words]
    )
    with pytest.raises(ConfigError, match=f"^{message}"):
        check_run(composed.cfg, composed.choices, training=True)


def test_a_training_that_ends_within_its_warm_up_is_told(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        small_run(tmp_path / "run", "lr_schedule.warmup_steps=20")
    assert "lr_schedule.warmup_steps: 20, of 20 steps in all" in caplog.text
