"""The half-life of the gradient against the lag that the task needs."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from rnnlab.commands.compare.groups import Group
from rnnlab.commands.compare.half_life import half_life, solved
from rnnlab.commands.compare.run import Run
from rnnlab.commands.compare.style import legend, line_styles, panels

VERDICTS: dict[bool | None, tuple[str, str, str]] = {
    True: ("o", "full", "solved"),
    False: ("x", "full", "not solved"),
    None: ("D", "none", "not finished, or no goal known"),
}
"""Marker, filling and name of each outcome."""


def draw_reach(groups: Sequence[Group], of: str = "") -> Figure | None:
    """Half-life over lag, one mark a run; None where no run has both.

    A thin line leads from the half-life first measured to the last one. Both axes are
    logarithmic; a half-life that is not finite stands at the upper edge.

    Args:
        groups: Groups to compare.
        of: Appended to the title of the figure.
    """
    points = [
        (look["color"], run, run.lag, lives)
        for group, look in zip(groups, line_styles(groups), strict=True)
        for run in group.runs
        if run.lag is not None and (lives := _lives(run)) is not None
    ]
    if not points:
        return None
    finite = [life for _, _, _, lives in points for life in lives if isfinite(life) and life > 0]
    lags = [lag for _, _, lag, _ in points]
    top = 3 * max([*finite, *lags])
    bottom = 0.5 * min([*finite, *lags])
    figure, (panel,) = panels(1, f"Half-life of the gradient against the lag needed{of}")
    figure.set_size_inches(7.2, 5.0)
    ends = min(lags) / 2, max(lags) * 2
    panel.plot(ends, ends, color="#777777", linewidth=1, linestyle=":", zorder=1)
    panel.annotate(
        "half-life = lag",
        (ends[1], ends[1]),
        (-2, 4),
        textcoords="offset points",
        ha="right",
        color="#555555",
    )
    for number, (colour, run, lag, lives) in enumerate(points):
        first, last = (min(life, top) for life in lives)
        across = lag * 1.03 ** (number % 5 - 2)  # side by side where they would hide each other
        panel.plot([across, across], [first, last], color=colour, linewidth=0.8, alpha=0.6)
        panel.plot(across, last, color=colour, **_mark(solved(run)))
    panel.set_xscale("log")
    panel.set_yscale("log")
    panel.set_xlim(*ends)
    panel.set_ylim(bottom, top)
    shown = sorted(set(lags))
    panel.set_xticks(shown, labels=[f"{lag:g}" for lag in shown])
    panel.set_xticks([], minor=True)
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.set_xlabel("lag needed (steps)")
    panel.set_ylabel("half-life of dL/dh (steps)")
    seen = {solved(run) for _, run, _, _ in points}
    verdicts = [
        Line2D([], [], color="black", label=name, **_mark(verdict))
        for verdict, (_, _, name) in VERDICTS.items()
        if verdict in seen
    ]
    legend(figure, groups, verdicts, dashes=False)
    return figure


def _lives(run: Run) -> tuple[float, float] | None:
    first, last = half_life(run, 0), half_life(run)
    return None if first is None or last is None else (first, last)


def _mark(verdict: bool | None) -> dict[str, Any]:
    shape, filling, _ = VERDICTS[verdict]
    look = {"markersize": 8, "markeredgewidth": 1.8, "linestyle": "none"}
    return {"marker": shape, "fillstyle": filling, **look}
