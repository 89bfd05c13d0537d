"""How far back gradients reach: their norms, and their half-lives, against the lag."""

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Any

import numpy as np

from rnnlab.commands.compare.groups import Group, by_facet, run_numbers
from rnnlab.commands.compare.run import Lags, LoggedRun, half_life, solved
from rnnlab.commands.compare.style import legend_of, line_styles
from rnnlab.commands.page.chart import Chart, Line, Panel, reference
from rnnlab.diagnostics.stats import LIMITS
from rnnlab.diagnostics.style import MARK, Look

FIRST: Any = {"linewidth": 0.8}
LAST: Any = {"linewidth": 2.0}
"""Looks of the first and of the last measurement."""

VERDICTS: dict[bool | None, tuple[str, Any]] = {
    True: ("solved", MARK | {"marker": "o"}),
    False: ("not solved", MARK | {"marker": "x"}),
    None: ("not finished, or no goal known", MARK | {"marker": "D", "fillstyle": "none"}),
}
"""Name and looks of each outcome."""

FRAMES, LAGS, NUMBERS = 40, 100, 120_000
"""Steps of a slider and lags of a curve, at most; fewer where a chart would have more numbers."""


def against_lag(
    name: str, title: str, caption: str, groups: Sequence[Group], unit: str
) -> Chart | None:
    """One panel a layer and direction, with a slider; None where no run has measured any.

    Thick lines are the last measurement (on a page that of the slider's step), thin ones the first.
    The logarithms of a group's runs are averaged, at lags that at least half of the runs have. The
    axis is that of TensorBoard's `flow/heatmap`, the same whatever is compared. What reads in one
    direction, or in both at once, is shown beside the forward direction of those that read in two.

    Args:
        name: Name of the file below `diagnostics/`, and of the chart's own.
        title: The heading.
        caption: What to see.
        groups: Groups to compare.
        unit: Label of the y axes.
    """
    measured = [[run.lags.get(name, {}) for run in group.runs] for group in groups]
    layers = list(dict.fromkeys(layer for runs in measured for run in runs for layer in run))
    layers = [layer for layer in layers if f"{layer}.forward" not in layers]
    if not layers:
        return None
    steps = slider_steps(
        [lags for runs in measured for run in runs for lags in run.values()],
        most=NUMBERS // (len(layers) * len(groups) * LAGS),
    )
    numbers, looks = run_numbers(groups), line_styles(groups)
    panels = []
    for layer in layers:
        for facet, indices in by_facet(groups):
            lines = [
                line
                for index in indices
                for line in _curves(groups[index], layer, name, looks[index], numbers, steps)
            ]
            if lines:
                panels.append(
                    Panel(
                        f"{layer}, {facet}" if facet else layer,
                        lines,
                        "lag (steps before the end)",
                        unit,
                        x_limits=(0, None),
                        y_limits=LIMITS,
                        fixed=True,
                    )
                )
    keys = {"first measured": FIRST, "last measured": LAST}
    return Chart(name, title, caption, panels, legend_of(groups), keys, steps)


def slider_steps(every: Sequence[Lags], *, most: int) -> np.ndarray:
    """Steps at which something was measured, from the first to the last, evenly thinned out."""
    steps = np.unique(np.concatenate([lags.steps for lags in every]))
    most = max(8, min(FRAMES, most))
    kept: np.ndarray = steps[np.unique(np.linspace(0, len(steps) - 1, most).round().astype(int))]
    return kept


def mean_curve(curves: Sequence[np.ndarray]) -> np.ndarray:
    """Mean of curves (..., K) of different lengths, at lags that at least half of them have."""
    longest = max(curve.shape[-1] for curve in curves)
    rows = np.stack(
        [
            np.pad(
                c, [(0, 0)] * (c.ndim - 1) + [(0, longest - c.shape[-1])], constant_values=np.nan
            )
            for c in curves
        ]
    )
    there = np.isfinite(rows)
    count = there.sum(axis=0)
    total = np.where(there, rows, 0.0).sum(axis=0)
    return np.where(2 * count >= len(curves), total / np.maximum(count, 1), np.nan)


def _curves(
    group: Group,
    layer: str,
    name: str,
    look: Look,
    numbers: Mapping[str, int],
    steps: np.ndarray,
) -> list[Line]:
    """The first curve of a group, and the last one with those at all steps of the slider."""
    found: dict[int, Lags] = {}
    for run in group.runs:
        own = run.lags.get(name, {})
        lags = own.get(layer, own.get(layer.removesuffix(".forward")))
        if lags is not None:
            found[numbers[str(run.folder)]] = lags
    if not found:
        return []
    first = mean_curve([lags.first for lags in found.values()])
    last = mean_curve([lags.last for lags in found.values()])
    frames = mean_curve([lags.at(steps) for lags in found.values()])[:, : len(last)]
    count = f", mean of {len(found)}" if len(found) > 1 else ""
    shared: Any = {"entry": group.entry, "runs": tuple(found)}
    stride = -(-max(len(first), len(last)) // LAGS)
    x = np.arange(0, max(len(first), len(last)), stride)
    return [
        Line(
            x[: len(first[::stride])],
            first[::stride],
            look,
            f"{group.label}{count}: first",
            **shared,
            width=FIRST["linewidth"],
        ),
        Line(
            x[: len(last[::stride])],
            last[::stride],
            look,
            f"{group.label}{count}",
            **shared,
            width=LAST["linewidth"],
            frames=frames[:, ::stride],
        ),
    ]


def half_life_and_lag(title: str, caption: str, groups: Sequence[Group]) -> Chart | None:
    """Half-life over lag, one mark a run; None where no run has both.

    A thin line leads from the half-life first measured to the last one. Both axes are
    logarithmic; a half-life that is not finite stands at the upper edge.
    """
    points: list[tuple[Group, Look, LoggedRun, float, tuple[float, float]]] = []
    for group, style in zip(groups, line_styles(groups), strict=True):
        for run in group.runs:
            first, last = half_life(run, 0), half_life(run)
            if run.lag is not None and first is not None and last is not None:
                points.append((group, style, run, run.lag, (first, last)))
    if not points:
        return None
    finite = [life for *_, lives in points for life in lives if isfinite(life) and life > 0]
    lags = [lag for *_, lag, _ in points]
    top, bottom = 3 * max([*finite, *lags]), 0.5 * min([*finite, *lags])
    ends = min(lags) / 2, max(lags) * 2
    numbers = run_numbers(groups)
    lines = [reference(ends, ends, "half-life = lag")]
    for number, (group, style, run, lag, lives) in enumerate(points):
        first, last = (min(life, top) for life in lives)
        across = lag * 1.03 ** (number % 5 - 2)  # side by side where they would hide each other
        own: Any = {"entry": group.entry, "runs": (numbers[str(run.folder)],)}
        colour = {"color": style["color"]}
        verdict, mark = VERDICTS[solved(run)]
        name = f"{group.label}, seed {run.seed}: {verdict}"
        x = np.array([across, across])
        lines.append(Line(x, np.array([first, last]), colour, name, **own, width=0.8, alpha=0.6))
        lines.append(Line(x[:1], np.array([last]), colour | mark, name, **own))
    seen = {solved(run) for _, _, run, *_ in points}
    panel = Panel(
        "each mark is a run",
        lines,
        "lag needed (steps)",
        "half-life of dL/dh (steps)",
        x_log=True,
        y_log=True,
        x_limits=ends,
        y_limits=(bottom, top),
    )
    keys = dict(VERDICTS[verdict] for verdict in VERDICTS if verdict in seen)
    legend = legend_of(groups, dashes=False)
    return Chart("half_life_lag", title, caption, [panel], legend, keys)
