"""A chart as a picture: matplotlib draws what the page shows, for slides and papers."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullLocator

from rnnlab.commands.page.chart import Chart, Line, Panel
from rnnlab.diagnostics.style import GREY, RC, Look
from rnnlab.errors import printable
from rnnlab.files import replacing

Formats = Literal["png", "svg", "both"]
"""Of the files."""

PANEL = (4.2, 3.0)
"""Width and height of one panel in inches."""

SQUARE = (2.6, 3.1)
"""The same of a square panel."""

LETTERS = 11
"""Letters of a text in an inch of a figure."""


def save(charts: Sequence[Chart], folder: Path, formats: Formats, subject: str) -> None:
    """Draw all charts into a folder, named by themselves.

    Args:
        charts: The charts.
        folder: It exists.
        formats: The files of each chart.
        subject: What they are about, for the headlines.
    """
    with mpl.rc_context(RC):
        for chart in charts:
            save_figure(draw(chart, subject), folder / chart.name, formats)


def save_figure(figure: Figure, path: Path, formats: Formats) -> None:
    """Write a figure in these formats; the path has no suffix."""
    for kind in ("png", "svg") if formats == "both" else (formats,):
        date: Any = {"metadata": {"Date": None}} if kind == "svg" else {}
        with replacing(path.with_name(f"{path.name}.{kind}")) as stream:
            figure.savefig(stream, format=kind, dpi=150, **date)


def draw(chart: Chart, subject: str) -> Figure:
    """Panels below a headline, and above their legend; the caller sets `style.RC`."""
    square = any(panel.square for panel in chart.panels)
    figure, axes = panels(len(chart.panels), *((4, SQUARE) if square else ()))
    for panel, area in zip(chart.panels, axes, strict=True):
        _draw_panel(panel, area)
    legend(figure, chart.legend, chart.keys)
    headline(figure, f"{chart.title} ({subject})" if subject else chart.title)
    return figure


def panels(
    count: int, across: int = 3, size: tuple[float, float] = PANEL
) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels of a size in inches, at most `across` in a row."""
    across = min(count, across)
    down = -(-count // across)
    width = max(across * size[0], 1.7 * PANEL[0])  # room for the title
    figure = Figure(figsize=(width, down * size[1] + 0.6), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)  # type: ignore[union-attr,call-arg]
    every: list[Axes] = list(figure.subplots(down, across, squeeze=False).flat)
    for unused in every[count:]:
        unused.remove()
    return figure, every[:count]


def headline(figure: Figure, text: str) -> None:
    """A title above all panels."""
    text = wrapped(text, figure.get_figwidth() * 0.8)  # bold, and larger
    figure.suptitle(text, x=0.01, ha="left", weight="bold", size=11.5)
    figure.set_figheight(figure.get_figheight() + 0.2 * text.count("\n"))


def wrapped(text: str, width: float) -> str:
    """A text in lines that fit into a width in inches, as it stands: a dollar is no formula."""
    plain = printable(text).replace("$", r"\$")  # fonts have no control characters
    return textwrap.fill(plain, max(8, int(width * LETTERS)))


def legend(figure: Figure, entries: Mapping[str, Look], keys: Mapping[str, Look]) -> None:
    """Names of the lines below the panels; the figure grows by as much as they need.

    Args:
        figure: A figure whose panels are drawn.
        entries: Looks of the lines by name; marks are left out where none is drawn.
        keys: Further entries: text and look of a black line or mark.
    """
    drawn = {line.get_marker() for axes in figure.axes for line in axes.lines}
    looks: dict[str, dict[str, Any]] = {}
    for name, style in entries.items():
        marked = style.get("marker", "") in drawn or style.get("linestyle") == "none"
        looks[name] = {"linewidth": 2.2} | style | ({} if marked else {"marker": ""})
    looks |= {name: {"color": "black", **style} for name, style in keys.items()}
    if not looks:
        return
    width = figure.get_figwidth()
    names = [wrapped(name, width - 1) for name in looks]
    handles = [
        Line2D([], [], label=name, **style)
        for name, style in zip(names, looks.values(), strict=True)
    ]
    across = max(1, int(width * LETTERS / (min(max(map(len, looks)), width * LETTERS - 11) + 8)))
    across = min(across, len(handles))
    rows = -(-len(handles) // across) * (1 + max(name.count("\n") for name in names))
    figure.set_figheight(figure.get_figheight() + 0.2 * rows)
    figure.legend(handles=handles, loc="outside lower left", ncols=across, handlelength=3.2)


def _draw_panel(panel: Panel, axes: Axes) -> None:
    for line in panel.lines:
        _draw_line(line, axes)
    # of a square panel the axis and its label take a third
    axes.set_title(wrapped(panel.title, SQUARE[0] * 0.7 if panel.square else PANEL[0]))
    axes.set(xlabel=panel.x_label, ylabel=panel.y_label)
    for name, log in (("x", panel.x_log), ("y", panel.y_log)):
        if log:
            getattr(axes, f"set_{name}scale")("log")
    for name, (low, high) in (("x", panel.x_limits), ("y", panel.y_limits)):
        for end, value in ((0, low), (1, high)):
            if value is not None:
                getattr(axes, f"set_{name}lim")(*((value, None) if end == 0 else (None, value)))
    for axis, log in ((axes.xaxis, panel.x_log), (axes.yaxis, panel.y_log)):
        if log:
            _logarithmic(axis)
    if not panel.x_log:
        axes.xaxis.set_major_locator(MaxNLocator(integer=not panel.square, nbins="auto"))
    if panel.square:
        axes.set_aspect("equal")


def _logarithmic(axis: Any) -> None:
    """A logarithmic axis; plain numbers where it spans less than two decades or so."""
    low, high = axis.get_view_interval()
    few = high / low < 200
    axis.set_major_locator(LogLocator(subs=(1, 2, 5) if few else (1,)))
    axis.set_minor_locator(NullLocator())
    if low >= 1e-4 and high < 1e6:
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _draw_line(line: Line, axes: Axes) -> None:
    style = {"linewidth": line.width, "alpha": line.alpha, **line.look}
    style |= {} if line.marked else {"marker": ""}
    if line.error is not None:
        axes.errorbar(line.x, line.y, line.error, capsize=2.5, **style)
    else:
        axes.plot(line.x, line.y, **style)
    if not line.entry and line.name:
        there = line.x[-1], line.y[-1]
        axes.annotate(line.name, there, (-2, 4), textcoords="offset points", ha="right", color=GREY)
