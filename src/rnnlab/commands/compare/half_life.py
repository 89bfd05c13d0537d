"""How far back the gradients of a run reach, and whether it solved its memory task."""

from collections.abc import Mapping
from math import copysign

from hydra.utils import get_class

from rnnlab.commands.compare.events import Series
from rnnlab.commands.compare.run import Run
from rnnlab.config.trust import allowed

END = "/half_life"
"""Last part of the names of the scalars `flow/<layer>/half_life`."""


def half_lives(run: Run) -> Mapping[str, Series]:
    """Half-life of dL/dh_t in steps over the training, by layer and direction."""
    return {
        tag.removeprefix("flow/").removesuffix(END): series
        for tag, series in run.scalars("flow/").items()
        if tag.endswith(END)
    }


def half_life(run: Run, which: int = -1) -> float | None:
    """The half-life of the layer that reaches back farthest; None where it was not measured.

    Args:
        run: A run.
        which: Of the measurements the last (-1) or the first (0).
    """
    every = [float(series.values[which]) for series in half_lives(run).values()]
    return max(every) if every else None


def solved(run: Run) -> bool | None:
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
