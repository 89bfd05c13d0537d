"""A run: what it was, what it logged, and what follows from that."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import copysign, inf
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from hydra.utils import get_class

from rnnlab.commands.compare.events import Log, Series
from rnnlab.config.trust import allowed
from rnnlab.runs.tables import MISSING

END = "/half_life"
"""Last part of the names of the scalars `flow/<layer>/half_life`."""

UNFINISHED = "unfinished"
"""Status of a run without a record: it is still training, or it was killed."""


class Lags(NamedTuple):
    """A layer's curves against the lag.

    Attributes:
        steps: Optimiser steps (S,) at which was measured, at least one.
        curves: log10 of the norm by step and lag (S, K), relative to lag 0; nan where none is.
    """

    steps: np.ndarray
    curves: np.ndarray

    @property
    def first(self) -> np.ndarray:
        """The first measurement, to its end."""
        return _to_its_end(self.curves[0])

    @property
    def last(self) -> np.ndarray:
        """The last measurement, to its end."""
        return _to_its_end(self.curves[-1])

    def at(self, steps: np.ndarray) -> np.ndarray:
        """At each of these steps (F,) the newest measurement, before the first one the first."""
        return self.curves[np.maximum(np.searchsorted(self.steps, steps, side="right") - 1, 0)]


def _to_its_end(curve: np.ndarray) -> np.ndarray:
    return curve[: np.flatnonzero(np.isfinite(curve))[-1] + 1]


@dataclass(frozen=True)
class LoggedRun:
    """One run.

    Attributes:
        folder: Where it is.
        task: Name of the task on the command line; of a run made in Python the class of its data.
        config: Its options by dotted key; the key of a component gives its class.
        targets: Full name of the class of each component.
        record: Content of `metrics.json`; None while there is none.
        log: What it has logged.
        lags: Curves by layer, by the name of their instrument.
        problems: What is damaged in its folder and was left out, a line each.
    """

    folder: Path
    task: str
    config: Mapping[str, Any]
    targets: Mapping[str, str]
    record: Mapping[str, Any] | None
    log: Log
    lags: Mapping[str, Mapping[str, Lags]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    @property
    def status(self) -> str:
        """Completed, interrupted or diverged; `unfinished` without a record."""
        return UNFINISHED if self.record is None else str(self.record["status"])

    @property
    def step(self) -> int:
        """Optimiser steps, as far as is known."""
        if self.record is not None:
            return int(self.record["steps"])
        return max((int(series.steps[-1]) for series in self.log.scalars.values()), default=0)

    @property
    def seed(self) -> Any:
        """Its seed."""
        return self.config["seed"]

    def shown(self, key: str) -> str:
        """An option's value as in YAML; `-` where the run does not have it, of `task` its name."""
        value = self.task if key == "task" else self.config.get(key, MISSING)
        if value is None or isinstance(value, bool):
            return json.dumps(value)
        return f"{value:g}" if isinstance(value, float) else str(value)

    @property
    def lag(self) -> float | None:
        """Steps over which its task needs memory; None where that is not known."""
        lag = self.config.get("data.lag")
        return float(lag) if isinstance(lag, int | float) and 0 < lag < inf else None

    @property
    def metrics(self) -> dict[str, float | None]:
        """Metrics as `val/NAME` and `test/NAME`: the record's, or else the last ones logged."""
        if self.record is not None:
            return {
                f"{split}/{name}": value
                for split in ("val", "test")
                for name, value in self.record[split].items()
            }
        return {k: s.last for k, s in self.log.scalars.items() if k.startswith("val/")}

    @property
    def alarms(self) -> list[str] | None:
        """The sentences of its alarms; None where nothing may have watched for any."""
        if self.record is not None and "alarms" in self.record:
            return [str(alarm) for alarm in self.record["alarms"]]
        texts = {tag: said for tag, said in self.log.texts.items() if tag.startswith("alarm")}
        gone = [s.partition("it learns: ")[2] for s in texts.get("alarm/withdrawn", [])]
        told = [s for tag, said in texts.items() if tag != "alarm/withdrawn" for s in said]
        return [s for s in dict.fromkeys(told) if s not in gone] if texts else None

    def scalars(self, prefix: str) -> dict[str, Series]:
        """All scalars below a prefix such as `flow/`, under their full names."""
        found = self.log.scalars.items()
        return {tag: series for tag, series in found if tag.startswith(prefix)}


def half_lives(run: LoggedRun) -> Mapping[str, Series]:
    """Half-life of dL/dh_t in steps over the training, by layer and direction."""
    return {
        tag.removeprefix("flow/").removesuffix(END): series
        for tag, series in run.scalars("flow/").items()
        if tag.endswith(END)
    }


def half_life(run: LoggedRun, which: int = -1) -> float | None:
    """The half-life of the layer that reaches back farthest.

    None where it was not measured, and where that layer's curve was no straight line at the time.

    Args:
        run: A run.
        which: Of the measurements the last (-1) or the first (0).
    """
    lives = half_lives(run)
    measured = run.scalars("flow/")
    every = [
        float(series.values[which])
        for layer, series in lives.items()
        if measured.get(f"flow/{layer}/first_last_ratio", series).steps[which]
        == series.steps[which]
    ]
    return max(every) if every else None


def solved(run: LoggedRun) -> bool | None:
    """Whether a memory task's goal was reached; None where no goal is known, or no end.

    The goal stands in the class of the data, if that is one of rnnlab's own: a run folder may come
    from anywhere, and must not decide which code is imported.
    """
    target = run.targets.get("data", "")
    if run.status != "completed" or run.record is None or not allowed(target, []):
        return None
    goal: tuple[str, float] | None = getattr(get_class(target), "goal", None)
    if goal is None:
        return None
    name, limit = goal
    value = run.metrics.get(f"val/{name}")
    score = run.record.get("score")
    if value is None or score is None:
        return False
    lower_is_better = score == -value and (value != 0 or copysign(1.0, score) < 0)
    return value <= limit if lower_is_better else value >= limit
