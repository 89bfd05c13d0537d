"""A search of hyperparameters: how its trials are drawn, and which end early.

A trial is drawn by the worker that is free, from a sampler that is seeded by the sweep's seed and
the trial's number: a search that was stopped goes on as an undisturbed one would.
"""

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.pruners import BasePruner, HyperbandPruner, MedianPruner, NopPruner
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from rnnlab.config.overrides import parse
from rnnlab.runs.ledger import Ledger
from rnnlab.runs.sweep_job import Job

if TYPE_CHECKING:
    from lightning import Callback

SAMPLERS: Mapping[str, Callable[..., BaseSampler]] = {"tpe": TPESampler, "random": RandomSampler}
PRUNERS: Mapping[str, type[BasePruner]] = {
    "none": NopPruner,
    "median": MedianPruner,
    "hyperband": HyperbandPruner,
}


def draw(ledger: Ledger) -> Job | None:
    """Draw, compose and begin the next trial of a search; None for a grid, or after the last."""
    from rnnlab.runs.jobs import compose_job  # a grid composes nothing

    plan = ledger.plan
    if not plan["sweep"]["n_trials"]:
        return None
    with ledger.lock():
        number = len(ledger.entries())
        if number >= plan["sweep"]["n_trials"]:
            return None
        space = search_space(plan["words"])
        params = _sample(ledger, number, space)
        values = {name: f"{name}={value}" for name, value in params.items()}
        words = [
            values.get(override.get_key_element(), override.input_line or "")
            for override in parse(plan["words"])
        ]
        search = Path(plan["search"]) if plan["search"] else None
        return ledger.begin(compose_job(words, number, search), params, space)


def _sample(ledger: Ledger, number: int, space: Mapping[str, BaseDistribution]) -> dict[str, Any]:
    plan = ledger.plan["sweep"]
    seed = int(np.random.SeedSequence([plan["seed"], number]).generate_state(1)[0])
    sampler = SAMPLERS[plan["sampler"]](seed=seed)
    trial = FrozenTrial(
        number=number,
        trial_id=-1,
        state=TrialState.RUNNING,
        value=None,
        datetime_start=None,
        datetime_complete=None,
        params={},
        distributions={},
        user_attrs={},
        system_attrs={},
        intermediate_values={},
    )
    study = _study(ledger)
    return {
        name: sampler.sample_independent(study, trial, name, distribution)
        for name, distribution in space.items()
    }


def _study(ledger: Ledger) -> optuna.Study:
    pruner = PRUNERS[ledger.plan["sweep"]["pruner"]]()
    return optuna.load_study(study_name=ledger.name, storage=ledger.storage, pruner=pruner)


def search_space(words: Sequence[str]) -> dict[str, BaseDistribution]:
    """What the swept overrides of a command line are drawn from."""
    swept = (each for each in parse(words) if each.is_sweep_override())
    return {override.get_key_element(): _distribution(override) for override in swept}


def _distribution(override: Override) -> BaseDistribution:
    value = override.value()
    if isinstance(value, IntervalSweep):
        low, high, log = value.start, value.end, "log" in value.tags
        assert low is not None
        assert high is not None
        if isinstance(low, int) and isinstance(high, int):
            return IntDistribution(low, high, log=log)
        return FloatDistribution(low, high, log=log)
    if isinstance(value, RangeSweep) and not value.shuffle and not value.transformers:
        numbers = value.range()
        if isinstance(numbers, range) and numbers:
            low, high = sorted((numbers[0], numbers[-1]))
            return IntDistribution(low, high, step=abs(numbers.step))
    return CategoricalDistribution(list(override.sweep_string_iterator()))


def pruning(ledger: Ledger, job: Job) -> "list[Callback]":
    """What ends a job early; nothing where the sweep prunes none."""
    if ledger.plan["sweep"]["pruner"] == "none":
        return []
    from rnnlab.training.pruning import Pruning

    study = _study(ledger)
    trial = optuna.trial.Trial(study, ledger.trial_id(job.number))

    def hopeless(step: int, score: float) -> bool:
        known = study._storage.get_trial(trial._trial_id).intermediate_values
        if step not in known:  # a resumed run may validate again
            trial.report(score, step)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return trial.should_prune()

    return [Pruning(hopeless)]
