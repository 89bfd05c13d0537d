"""Runs that end by their number of steps, or without a step."""

import json

import pytest
import torch

from rnnlab.errors import ConfigError
from rnnlab.runs.resume import resume_run
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
