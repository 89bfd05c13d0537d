"""Charts as plain values for the script of a page, small enough to be sent by mail."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rnnlab.commands.page.chart import Chart, Line, Panel
from rnnlab.diagnostics.style import Look

POINTS = 120_000
"""Points of all lines of a page, about: they are spread evenly over the lines."""

FEWEST, MOST = 60, 600
"""Points that a line keeps, however many lines there are."""

SYMBOLS = {
    **{"o": "circle", "^": "triangle-up", "v": "triangle-down", "P": "cross", "D": "diamond"},
    **{"*": "star", "<": "triangle-left", ">": "triangle-right", "p": "pentagon", "h": "hexagon"},
    **{"x": "x-thin", "s": "square", "d": "diamond-tall", ".": "circle"},
}
"""Marks of matplotlib by their names in plotly."""


def plain(
    charts: Sequence[Chart],
    entries: Mapping[str, Look],
    runs: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """What `page.js` reads.

    Args:
        charts: The charts, in order.
        entries: Looks of the entries of the legend, by name.
        runs: Of each run its `entry` and the `words` that a filter finds it by.
    """
    lines = sum(len(panel.lines) for chart in charts for panel in chart.panels)
    most = most_points(lines)
    numbers = {name: number for number, name in enumerate(entries)}
    return {
        "entries": [{"name": name} | plain_look(style) for name, style in entries.items()],
        "runs": [{**run, "entry": numbers[run["entry"]]} for run in runs],
        "charts": [
            {
                "name": chart.name,
                "steps": None if chart.steps is None else chart.steps.tolist(),
                "panels": [_panel(panel, numbers, most) for panel in chart.panels],
            }
            for chart in charts
        ],
    }


def most_points(lines: int) -> int:
    """Points of each line of a page with so many lines."""
    return max(FEWEST, min(MOST, POINTS // max(lines, 1)))


def plain_look(style: Look) -> dict[str, Any]:
    """Colour, dashes and mark as SVG and plotly name them."""
    dashes = {"-": "", ":": "1.5px,3px", "--": "6px,3px", "none": None}
    line = style.get("linestyle", "-")
    if isinstance(line, tuple):  # in widths of the line
        dash: str | None = ",".join(f"{1.8 * part:.3g}px" for part in line[1])
    else:
        dash = dashes[line]
    open_mark = "-open" if style.get("fillstyle") == "none" else ""
    mark = style.get("marker") or ""
    return {
        "colour": style.get("color", "#000000"),
        "dash": dash,
        "mark": SYMBOLS[mark] + open_mark if mark else "",
        "width": style.get("linewidth", 2.2),
    }


def thin(x: np.ndarray, y: np.ndarray, most: int) -> np.ndarray:
    """Indices of the points that are drawn of a line.

    Of each of `most / 2` stretches the smallest and the largest value, so that no peak is lost, and
    both ends.
    """
    count = len(y)
    if count <= most:
        return np.arange(count)
    kept = {0, count - 1}
    for part in np.array_split(np.arange(count), most // 2 - 1):
        alive = part[np.isfinite(y[part])]
        if alive.size:
            kept |= {int(alive[y[alive].argmin()]), int(alive[y[alive].argmax()])}
    return np.array(sorted(kept))


def _panel(panel: Panel, numbers: Mapping[str, int], most: int) -> dict[str, Any]:
    return {
        "title": panel.title,
        "x": {"label": panel.x_label, "log": panel.x_log, "limits": panel.x_limits},
        "y": {"label": panel.y_label, "log": panel.y_log, "limits": panel.y_limits},
        "fixed": panel.fixed,
        "square": panel.square,
        "lines": [_line(line, numbers, most) for line in panel.lines],
    }


def _line(line: Line, numbers: Mapping[str, int], most: int) -> dict[str, Any]:
    kept = thin(line.x, line.y, most) if line.frames is None else np.arange(len(line.y))
    plain: dict[str, Any] = {
        **plain_look(line.look),
        "name": line.name,
        "entry": numbers.get(line.entry),
        "runs": line.runs,
        "width": line.width,
        "alpha": line.alpha,
        "marked": line.marked,
        "x": _short(line.x[kept]),
        "y": _short(line.y[kept]),
    }
    if line.error is not None:
        plain["error"] = _short(line.error[kept])
    if line.frames is not None:
        plain["frames"] = [_short(frame, 3) for frame in line.frames]
    return plain


def _short(values: np.ndarray, digits: int = 5) -> list[float | int | None]:
    """Numbers with as many digits as can be seen; None for what is not finite."""
    found: list[float | int | None] = []
    for value in np.asarray(values, float).tolist():
        if value != value or value in (float("inf"), float("-inf")):
            found.append(None)
        else:
            found.append(
                int(value)
                if value.is_integer() and abs(value) < 1e9
                else float(f"{value:.{digits}g}")
            )
    return found
