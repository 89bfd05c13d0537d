"""Scalars over the training, as figures: loss, metric, gradient norms, half-lives."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from rnnlab.commands.compare.events import Series
from rnnlab.commands.compare.groups import Group, all_runs
from rnnlab.commands.compare.run import UNFINISHED, Run
from rnnlab.commands.compare.style import MARK, PANEL, legend, line, line_styles, panels, wrapped
from rnnlab.runs.tables import of_a_label

ENDS = {
    status: MARK | {"marker": marker, "fillstyle": "none"}
    for status, marker in (("diverged", "x"), ("interrupted", "s"), (UNFINISHED, "d"))
}
"""Looks of the mark at the end of a run that did not complete, by status."""

DECADES = 1.7
"""A panel whose values are positive and span more than this has a logarithmic axis."""

Picker = Callable[[Run], Mapping[str, Series]]
"""Chooses what is drawn of a run: series by the title of their panel."""


def draw(groups: Sequence[Group], pick: Picker, unit: str) -> Figure | None:
    """One panel for each series that any run has; None where no run has one.

    Thin lines are runs, thick ones the mean of a group's completed runs.

    Args:
        groups: Groups to compare.
        pick: Gives the series of a run, by panel.
        unit: Label of the y axes.
    """
    names = list(dict.fromkeys(name for run in all_runs(groups) for name in pick(run)))
    if not names:
        return None
    figure, axes = panels(len(names))
    for name, panel in zip(names, axes, strict=True):
        calm: list[np.ndarray] = []
        for group, look in zip(groups, line_styles(groups), strict=True):
            there = [(run, pick(run)[name]) for run in group.runs if name in pick(run)]
            calm += [series.values for run, series in there if run.status != "diverged"]
            _draw_group(panel, there, look)
        panel.set_title(wrapped(name, PANEL[0]))
        panel.set(xlabel="optimiser step", ylabel=unit, xlim=(0, None))
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
        _scale(panel, calm)
    seen = {run.status for run in all_runs(groups)}
    legend(figure, groups, {status: end for status, end in ENDS.items() if status in seen})
    return figure


def mean_series(every: Sequence[Series]) -> Series:
    """Mean of several series, over the steps that all of them cover.

    It has every step of any series; between two steps a series is interpolated linearly.
    """
    first = max(int(series.steps[0]) for series in every)
    last = min(int(series.steps[-1]) for series in every)
    steps = np.unique(np.concatenate([series.steps for series in every]))
    steps = steps[(steps >= first) & (steps <= last)]
    values = [np.interp(steps, series.steps, series.values) for series in every]
    return Series(steps, np.mean(values, axis=0))


def losses(runs: Sequence[Run]) -> Picker:
    """Picks training loss, validation loss and the monitored metrics of the validation split.

    While no run has ended it is not known which metric is monitored, and all are shown. A metric
    that equals the validation loss is left out.
    """
    names = {"train/loss": "training loss", "val/loss": "validation loss"}
    ended = [run.record for run in runs if run.record is not None]
    tags = [str(record["monitor"]) for record in ended]
    if not ended:
        tags = [tag for run in runs for tag in run.scalars("val/") if not of_a_label(tag)]
    for tag in tags:
        logs = [run.log.scalars for run in runs]
        if not all(_alike(log.get(tag), log.get("val/loss")) for log in logs):
            names.setdefault(tag, f"validation {tag.removeprefix('val/')}")

    def pick(run: Run) -> dict[str, Series]:
        every = run.log.scalars
        return {name: every[tag] for tag, name in names.items() if tag in every}

    return pick


def _alike(one: Series | None, other: Series | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one.steps, other.steps) and np.allclose(
        one.values, other.values, rtol=1e-4, equal_nan=True
    )


def gradients(run: Run) -> dict[str, Series]:
    """Norm of the whole gradient before clipping, and of each kernel over all of its gates.

    Cells have different gates but the same kernels.
    """
    kernels: dict[str, list[Series]] = {"all parameters": []}
    for tag, series in run.scalars("grad/").items():
        match tag.split("/"):
            case [_, "total"]:
                kernels["all parameters"].append(series)
            case [_, layer, "input" | "recurrent" as kernel, _]:
                kernels.setdefault(f"{layer}, {kernel} weights", []).append(series)
    return {name: _root_sum_square(each) for name, each in kernels.items() if each}


def _root_sum_square(every: Sequence[Series]) -> Series:
    steps = every[0].steps
    same = [series.values for series in every if np.array_equal(series.steps, steps)]
    return Series(steps, np.sqrt(np.sum(np.square(same), axis=0)))


def _draw_group(panel: Axes, there: Sequence[tuple[Run, Series]], look: Mapping[str, Any]) -> None:
    """Draw the runs that have this series, and the mean of those that are completed."""
    completed = [series for run, series in there if run.status == "completed"]
    several = len(completed) > 1
    width, alpha = (0.9, 0.45) if several else (1.8, 1.0)
    for run, series in there:
        line(panel, *series, linewidth=width, alpha=alpha, **look)
        finite = np.flatnonzero(np.isfinite(series.values))[-1:]
        if run.status in ENDS:
            end = series.steps[finite], series.values[finite]
            panel.plot(*end, color=look["color"], **ENDS[run.status])
    if several:
        line(panel, *mean_series(completed), linewidth=2.2, **look)


def _scale(panel: Axes, calm: Sequence[np.ndarray]) -> None:
    """Choose a linear or logarithmic axis; only diverged runs may leave the frame."""
    values = np.concatenate(calm) if calm else np.empty(0)
    values = values[np.isfinite(values)]
    if not values.size:
        panel.set_yscale("symlog")
        return
    low, high = float(values.min()), float(values.max())
    if low > 0 and np.log10(high / low) > DECADES:
        panel.set_yscale("log")
        panel.set_ylim(low / 1.3, high * 1.3)
    else:
        margin = 0.05 * (high - low) or 0.05 * (abs(high) or 1.0)
        panel.set_ylim(low - margin, high + margin)
