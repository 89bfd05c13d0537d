"""A job as Optuna's trial, and back."""

from typing import Any

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from rnnlab.runs.sweep_job import Entry, Job


def to_trial(
    job: Job,
    state: TrialState,
    params: dict[str, Any],
    distributions: dict[str, BaseDistribution],
) -> FrozenTrial:
    """A trial that waits or runs.

    Args:
        job: What it does.
        state: Of the trial.
        params: What was drawn for it, of a search.
        distributions: What it was drawn from.
    """
    attributes = {
        "job": {"overrides": job.overrides, "folder": job.folder},
        "config": {"cfg": job.cfg, "choices": job.choices},
        "run": job.run,
    }
    return create_trial(
        state=state, params=params, distributions=distributions, user_attrs=attributes
    )


def to_entry(number: int, state: TrialState, run: dict[str, Any]) -> Entry:
    """Where a job stands, from the state of its trial and from who works on it."""
    return Entry(number, "ended" if state.is_finished() else run.get("status", "waiting"), run)


def to_job(trial: FrozenTrial) -> Job:
    """The job of a trial, with its result."""
    attributes = trial.user_attrs
    result = attributes.get("result", {})
    ended = trial.state.is_finished()
    began, end = trial.datetime_start, trial.datetime_complete
    seconds = None
    if began is not None and end is not None:
        seconds = (end - began).total_seconds()
    return Job(
        trial.number,
        **attributes["job"],
        **attributes["config"],
        result=result,
        run=dict(attributes["run"]),
        ended=ended,
        seconds=seconds,
    )
