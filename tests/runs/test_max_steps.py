"""Runs that end by their number of steps, or without a step."""

import json

import pytest
import torch

from rnnlab.errors import ConfigError
from rnnlab.runs import train
from rnnlab.runs.resume import resume_run
from rnnlab.training.history import History
from runs import SMALL, merged, small_run, weights
from tiny import call, refused

STEPS = 7
"""Of the ten of an epoch."""


@pytest.mark.parametrize("more", [[], ["trainer.accumulate_grad_batches=2", "trainer.max_steps=3"]])
def test_a_run_that_ends_inside_an_epoch_has_a_score_and_can_go_on(tmp_path, more):
    words = [f"trainer.max_steps={STEPS}", *more]
    outcome = small_run(tmp_path / "run", *words)
    record = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert outcome.score == record["score"] == record["val"]["accuracy"]
    assert record["steps"] == (3 if more else STEPS)
    assert record["best_epoch"] == 1
    kept = weights(tmp_path / "run" / "checkpoints" / "best.ckpt")
    ended = weights(tmp_path / "run" / "checkpoints" / "last.ckpt")
    assert all(torch.equal(kept[name], ended[name]) for name in kept)

    with pytest.raises(ConfigError, match=rf"the run has all of its {record['steps']} steps"):
        resume_run(tmp_path / "run", [], [])

    resumed = resume_run(tmp_path / "run", ["trainer.max_steps=-1"], [])
    whole = small_run(tmp_path / "whole", *more, "trainer.max_steps=-1")
    assert resumed.record["steps"] == whole.record["steps"] == (10 if more else 20)
    one, other = (
        weights(tmp_path / name / "checkpoints" / "last.ckpt") for name in ("run", "whole")
    )
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert resumed.record["test"] == whole.record["test"]


@pytest.mark.parametrize(
    ("words", "epochs"),
    [
        (["trainer.max_steps=7"], [1]),
        (["trainer.max_steps=13", "trainer.accumulate_grad_batches=2"], [2, 3]),
        (["trainer.max_epochs=3"], [2, 3]),
        (["trainer.max_epochs=3", "trainer.min_epochs=3"], [2, 3]),
        (["trainer.max_epochs=3", "trainer.val_check_interval=3"], [2, 2, 2, 3]),
        (["trainer.max_epochs=4"], [2, 4]),
    ],
)
def test_a_training_ends_with_a_validation(tmp_path, monkeypatch, words, epochs):
    made = []
    real = train.build_callbacks
    monkeypatch.setattr(
        train, "build_callbacks", lambda *given: made.append(real(*given)) or made[-1]
    )
    words = ["trainer.max_epochs=4", "trainer.check_val_every_n_epoch=2", *words]
    record = small_run(tmp_path / "run", *words).record
    (history,) = [callback for callback in made[0] if isinstance(callback, History)]
    assert [validation.epoch for validation in history.validations] == epochs
    assert record["score"] == max(validation.score for validation in history.validations)
    assert (tmp_path / "run/checkpoints/best.ckpt").is_file()


@pytest.mark.parametrize(
    "option",
    ["max_epochs=0", "max_steps=0", "limit_train_batches=0", "fast_dev_run=true", "max_epochs=-2"],
)
def test_runs_that_would_learn_nothing_are_refused(option, capsys):
    said = refused(call(capsys, "check", "task=delayed_recall", f"trainer.{option}"))
    assert said.startswith(f"trainer.{option.partition('=')[0]}: ")


def test_a_run_without_a_step_says_so(tmp_path, capsys):
    words = merged([*SMALL, "trainer.max_time=00:00:00:00", f"hydra.run.dir={tmp_path}"])
    said = call(capsys, "train", *words)
    assert said.code == 1
    assert "\nuntrained " in said.out
    record = json.loads((tmp_path / "metrics.json").read_text())
    assert (record["status"], record["steps"], record["score"]) == ("untrained", 0, None)
