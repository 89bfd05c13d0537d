"""Scalars over the training, as charts: loss, metric, gradient norms, half-lives."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import log10
from typing import Any

import numpy as np

from rnnlab.commands.compare.events import Series
from rnnlab.commands.compare.groups import Group, all_runs, by_facet, run_numbers
from rnnlab.commands.compare.run import UNFINISHED, LoggedRun
from rnnlab.commands.compare.style import legend_of, line_styles
from rnnlab.commands.page.chart import Chart, Line, Panel
from rnnlab.diagnostics.style import MARK, Look
from rnnlab.runs.tables import of_a_label

ENDS = {
    status: MARK | {"marker": marker, "fillstyle": "none"}
    for status, marker in (("diverged", "x"), ("interrupted", "s"), (UNFINISHED, "d"))
}
"""Looks of the mark at the end of a run that did not complete, by status."""

DECADES = 1.7
"""A panel whose values are positive and span more than this has a logarithmic axis."""

Picker = Callable[[LoggedRun], Mapping[str, Series]]
"""Chooses what is drawn of a run: series by the title of their panel."""

Found = list[tuple[LoggedRun, Series]]
"""Runs that have a series."""


def scalars(
    name: str, title: str, caption: str, groups: Sequence[Group], pick: Picker, unit: str
) -> Chart | None:
    """One panel for each series that any run has; None where no run has one.

    Thin lines are runs, thick ones the mean of a group's completed runs.

    Args:
        name: Of the chart's files.
        title: Its heading.
        caption: What to see.
        groups: Groups to compare.
        pick: Gives the series of a run, by panel.
        unit: Label of the y axes.
    """
    runs = all_runs(groups)
    names = list(dict.fromkeys(each for run in runs for each in pick(run)))
    if not names:
        return None
    made = [panel for each in names for panel in _panels(each, groups, pick, unit)]
    seen = {run.status for run in runs}
    keys = {status: end for status, end in ENDS.items() if status in seen}
    if any(len(group.runs) > 1 for group in groups):
        keys = {"one run": {"linewidth": 0.9}, "mean of a group": {"linewidth": 2.4}, **keys}
    return Chart(name, title, caption, made, legend_of(groups), keys)


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


def losses(runs: Sequence[LoggedRun]) -> Picker:
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

    def pick(run: LoggedRun) -> dict[str, Series]:
        every = run.log.scalars
        return {name: every[tag] for tag, name in names.items() if tag in every}

    return pick


def _alike(one: Series | None, other: Series | None) -> bool:
    if one is None or other is None:
        return one is other
    return np.array_equal(one.steps, other.steps) and np.allclose(
        one.values, other.values, rtol=1e-4, equal_nan=True
    )


def gradients(run: LoggedRun) -> dict[str, Series]:
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


def _panels(name: str, groups: Sequence[Group], pick: Picker, unit: str) -> Iterator[Panel]:
    """The panel of a series, or one for each facet, with the same axis."""
    looks = line_styles(groups)
    found = [[(run, pick(run)[name]) for run in g.runs if name in pick(run)] for g in groups]
    there = [each for group in found for each in group]
    log, limits = scale([series.values for run, series in there if run.status != "diverged"])
    numbers = run_numbers(groups)
    for facet, indices in by_facet(groups):
        lines = [
            line
            for index in indices
            for line in _lines(groups[index], found[index], looks[index], numbers)
        ]
        if lines:
            title = f"{name}, {facet}" if facet else name
            yield Panel(
                title, lines, "optimiser step", unit, y_log=log, y_limits=limits, x_limits=(0, None)
            )


def _lines(group: Group, there: Found, look: Look, numbers: Mapping[str, int]) -> Iterator[Line]:
    """The runs that have this series, and the mean of those that are completed."""
    completed = [(run, series) for run, series in there if run.status == "completed"]
    several = len(completed) > 1
    width, alpha = (0.9, 0.45) if several else (1.8, 1.0)
    for run, series in there:
        own: Any = {"entry": group.entry, "runs": (numbers[str(run.folder)],)}
        name = f"{group.label}, seed {run.seed}"
        yield Line(*series, look, name, **own, width=width, alpha=alpha)
        finite = np.flatnonzero(np.isfinite(series.values))[-1:]
        if run.status in ENDS:
            end = {"color": look["color"], **ENDS[run.status]}
            yield Line(
                series.steps[finite], series.values[finite], end, f"{name}: {run.status}", **own
            )
    if several:
        runs = tuple(numbers[str(run.folder)] for run, _ in completed)
        mean = mean_series([series for _, series in completed])
        name = f"{group.label}, mean of {len(runs)}"
        yield Line(*mean, look, name, group.entry, runs, width=2.2)


def scale(calm: Sequence[np.ndarray]) -> tuple[bool, tuple[float | None, float | None]]:
    """Whether an axis is logarithmic, and its limits; only diverged runs may leave the frame."""
    values = np.concatenate(calm) if calm else np.empty(0)
    values = values[np.isfinite(values)]
    if not values.size:
        return False, (None, None)
    low, high = float(values.min()), float(values.max())
    if low > 0 and log10(high / low) > DECADES:
        return True, (low / 1.3, high * 1.3)
    margin = 0.05 * (high - low) or 0.05 * (abs(high) or 1.0)
    return False, (low - margin, high + margin)
