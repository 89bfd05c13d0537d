"""Gradient norms against the lag, all runs in one figure: how far back gradients reach."""

from collections.abc import Sequence
from typing import NamedTuple
from zipfile import BadZipFile

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rnnlab.commands.compare.groups import Group
from rnnlab.commands.compare.run import Run
from rnnlab.commands.compare.style import legend, line_styles, panels

SHALLOWEST = 1.0
"""Decades that a panel spans at least, so that a flat curve looks flat."""


class Lags(NamedTuple):
    """A layer's curve at its first and at its last measurement.

    Attributes:
        first: log10 of the norm by lag (K,), relative to lag 0; nan where there is none.
        last: The same of the last measurement.
    """

    first: np.ndarray
    last: np.ndarray


def read_lags(run: Run, name: str) -> dict[str, Lags]:
    """A run's curves by layer, from `diagnostics/<name>.npz`; empty where there are none.

    `rnnlab.diagnostics.curve_history` describes the arrays. A file that cannot be read is passed
    over: the run may have been killed, or come from another version.
    """
    path = run.folder / "diagnostics" / f"{name}.npz"
    try:
        with path.open("rb") as stream, np.load(stream) as file:
            layers, decades = file["layers"].tolist(), file["decades"]
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return {}
    found: dict[str, Lags] = {}
    for number, layer in enumerate(layers):
        curves = decades[:, number] - decades[:, number, :1]
        there = np.flatnonzero(np.isfinite(curves).any(axis=1))
        if there.size:
            found[str(layer)] = Lags(_cut(curves[there[0]]), _cut(curves[there[-1]]))
    return found


def draw_lags(groups: Sequence[Group], name: str, *, title: str, unit: str) -> Figure | None:
    """One panel a layer and direction; None where no run has measured any.

    Thick lines are the last measurement, thin ones the first. The logarithms of a group's runs
    are averaged, at lags that at least half of the runs have.

    Args:
        groups: Groups to compare.
        name: Name of the file below `diagnostics/`.
        title: Title of the figure.
        unit: Label of the y axes.
    """
    measured = [[read_lags(run, name) for run in group.runs] for group in groups]
    layers = list(dict.fromkeys(layer for runs in measured for run in runs for layer in run))
    if not layers:
        return None
    figure, axes = panels(len(layers), title)
    for layer, panel in zip(layers, axes, strict=True):
        low, high = 0.0, 0.0
        for runs, look in zip(measured, line_styles(groups), strict=True):
            there = [run[layer] for run in runs if layer in run]
            if not there:
                continue
            for curve, width in (
                (mean_curve([lags.first for lags in there]), 0.8),
                (mean_curve([lags.last for lags in there]), 2.0),
            ):
                panel.plot(curve, linewidth=width, **look)
                low = min(low, float(np.nanmin(curve)))
                high = max(high, float(np.nanmax(curve)))
        missing = max(0.0, SHALLOWEST - (high - low)) / 2
        margin = 0.04 * (high - low + 2 * missing)
        panel.set_ylim(low - missing - margin, high + missing + margin)
        panel.set_title(layer)
        panel.set_xlabel("lag (steps before the end)")
        panel.set_ylabel(unit)
        panel.set_xlim(left=0)
    widths = [
        Line2D([], [], color="black", linewidth=0.8, label="first measured"),
        Line2D([], [], color="black", linewidth=2.0, label="last measured"),
    ]
    legend(figure, groups, widths)
    return figure


def mean_curve(curves: Sequence[np.ndarray]) -> np.ndarray:
    """Mean of curves of different lengths, at lags that at least half of them have."""
    longest = max(len(curve) for curve in curves)
    rows = np.full((len(curves), longest), np.nan)
    for row, curve in zip(rows, curves, strict=True):
        row[: len(curve)] = curve
    there = np.isfinite(rows)
    count = there.sum(axis=0)
    total = np.where(there, rows, 0.0).sum(axis=0)
    return np.where(2 * count >= len(curves), total / np.maximum(count, 1), np.nan)


def _cut(curve: np.ndarray) -> np.ndarray:
    real = np.flatnonzero(np.isfinite(curve))
    return curve[: real[-1] + 1]
