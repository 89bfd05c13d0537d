"""How far back gradients reach: their norms, and their half-lives, against the lag."""

from collections.abc import Sequence
from itertools import zip_longest
from math import isfinite
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from rnnlab.commands.compare.groups import Group
from rnnlab.commands.compare.run import half_life, solved
from rnnlab.commands.compare.style import (
    GREY,
    MARK,
    PANEL,
    legend,
    line,
    line_styles,
    panels,
    wrapped,
)
from rnnlab.diagnostics.stats import LIMITS

FIRST: Any = {"linewidth": 0.8}
LAST: Any = {"linewidth": 2.0}
"""Looks of the first and of the last measurement."""

VERDICTS: dict[bool | None, tuple[str, Any]] = {
    True: ("solved", MARK | {"marker": "o"}),
    False: ("not solved", MARK | {"marker": "x"}),
    None: ("not finished, or no goal known", MARK | {"marker": "D", "fillstyle": "none"}),
}
"""Name and looks of each outcome."""


def draw_lags(groups: Sequence[Group], name: str, unit: str) -> Figure | None:
    """One panel a layer and direction; None where no run has measured any.

    Thick lines are the last measurement, thin ones the first. The logarithms of a group's runs
    are averaged, at lags that at least half of the runs have. The axis is that of TensorBoard's
    `flow/heatmap`, the same whatever is compared. What reads in one direction, or in both at once,
    is shown beside the forward direction of those that read in two.

    Args:
        groups: Groups to compare.
        name: Name of the file below `diagnostics/`.
        unit: Label of the y axes.
    """
    measured = [[run.lags.get(name, {}) for run in group.runs] for group in groups]
    layers = list(dict.fromkeys(layer for runs in measured for run in runs for layer in run))
    layers = [layer for layer in layers if f"{layer}.forward" not in layers]
    if not layers:
        return None
    figure, axes = panels(len(layers))
    for layer, panel in zip(layers, axes, strict=True):
        for runs, style in zip(measured, line_styles(groups), strict=True):
            found = (run.get(layer, run.get(layer.removesuffix(".forward"))) for run in runs)
            there = [lags for lags in found if lags is not None]
            if there:
                line(panel, mean_curve([lags.first for lags in there]), **style, **FIRST)
                line(panel, mean_curve([lags.last for lags in there]), **style, **LAST)
        panel.set_title(wrapped(layer, PANEL[0]))
        panel.set(xlabel="lag (steps before the end)", ylabel=unit, xlim=(0, None), ylim=LIMITS)
    legend(figure, groups, {"first measured": FIRST, "last measured": LAST})
    return figure


def mean_curve(curves: Sequence[np.ndarray]) -> np.ndarray:
    """Mean of curves of different lengths, at lags that at least half of them have."""
    rows = np.array(list(zip_longest(*curves, fillvalue=np.nan))).T
    there = np.isfinite(rows)
    count = there.sum(axis=0)
    total = np.where(there, rows, 0.0).sum(axis=0)
    return np.where(2 * count >= len(curves), total / np.maximum(count, 1), np.nan)


def draw_reach(groups: Sequence[Group]) -> Figure | None:
    """Half-life over lag, one mark a run; None where no run has both.

    A thin line leads from the half-life first measured to the last one. Both axes are
    logarithmic; a half-life that is not finite stands at the upper edge.
    """
    points = []
    for group, style in zip(groups, line_styles(groups), strict=True):
        for run in group.runs:
            first, last = half_life(run, 0), half_life(run)
            if run.lag is not None and first is not None and last is not None:
                points.append((style["color"], run, run.lag, (first, last)))
    if not points:
        return None
    finite = [life for _, _, _, lives in points for life in lives if isfinite(life) and life > 0]
    lags = [lag for _, _, lag, _ in points]
    top = 3 * max([*finite, *lags])
    bottom = 0.5 * min([*finite, *lags])
    figure, (panel,) = panels(1)
    figure.set_size_inches(7.2, 5.0)
    ends = min(lags) / 2, max(lags) * 2
    panel.plot(ends, ends, color=GREY, linewidth=1, linestyle=":", zorder=1)
    panel.text(ends[1], ends[1], "half-life = lag", color=GREY, ha="right", va="bottom")
    for number, (colour, run, lag, lives) in enumerate(points):
        first, last = (min(life, top) for life in lives)
        across = lag * 1.03 ** (number % 5 - 2)  # side by side where they would hide each other
        panel.plot([across, across], [first, last], color=colour, linewidth=0.8, alpha=0.6)
        panel.plot(across, last, color=colour, **VERDICTS[solved(run)][1])
    panel.set(
        xscale="log",
        yscale="log",
        xlim=ends,
        ylim=(bottom, top),
        xlabel="lag needed (steps)",
        ylabel="half-life of dL/dh (steps)",
    )
    shown = sorted(set(lags))
    panel.set_xticks(shown, labels=[f"{lag:g}" for lag in shown])
    panel.set_xticks([], minor=True)
    panel.yaxis.set_major_formatter("{x:g}")
    seen = {solved(run) for _, run, _, _ in points}
    verdicts = dict(VERDICTS[verdict] for verdict in VERDICTS if verdict in seen)
    legend(figure, groups, verdicts, dashes=False)
    return figure
