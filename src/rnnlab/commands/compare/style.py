"""Colours, line styles and legends of the figures, also for colour-blind readers."""

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rnnlab.commands.compare.groups import Group
from rnnlab.errors import printable

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#E69F00")
"""Okabe and Ito (2008), Color Universal Design, without yellow, which is too light on white."""

DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.2)))
"""Line styles of groups that share a colour; behind them come dashes with ever more dots."""

POINTS = ("o", "^", "v", "P", "D", "*", "<", ">", "p", "h")
"""Marks of single points, where line styles would not be seen."""

GREY = "#555555"
"""Colour of reference lines and their texts."""

RC: Any = {
    "figure.facecolor": "white",
    "axes.facecolor": "white",
    "savefig.facecolor": "white",
    "font.size": 10,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.alpha": 0.25,
    "grid.linewidth": 0.6,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "svg.hashsalt": "rnnlab",
}
"""Settings of matplotlib."""

MARK: Any = {"linestyle": "none", "markersize": 7, "markeredgewidth": 1.8}
"""Looks of a mark."""

PANEL = (4.2, 3.0)
"""Width and height of one panel in inches."""

LETTERS = 11
"""Letters of a text in an inch of a figure."""


def look(number: int) -> dict[str, Any]:
    """Colour and line style of the number-th line: first all colours, then other dashes."""
    turn, colour = divmod(number, len(COLOURS))
    dots = turn + 1 - len(DASHES)
    dashes = DASHES[turn] if dots < 1 else (0, (5, 1.5) + (1, 1.5) * dots)
    return {"color": COLOURS[colour], "linestyle": dashes}


def line(panel: Axes, *points: Any, **style: Any) -> None:
    """Draw a line; a single point gets a mark, as it would not be seen."""
    alone = np.isfinite(points[-1]).sum() == 1
    panel.plot(*points, **style | ({} if alone else {"marker": ""}))


def wrapped(text: str, width: float) -> str:
    """A text in lines that fit into a width in inches, as it stands: a dollar is no formula."""
    plain = printable(text).replace("$", r"\$")  # fonts have no control characters
    return textwrap.fill(plain, max(8, int(width * LETTERS)))


def line_styles(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """Colour, dashes and mark of each group: groups of one family share the colour."""
    families = list(dict.fromkeys(group.family for group in groups))
    used: Counter[int] = Counter()
    result = []
    for index, group in enumerate(groups):
        colour = (index if group.family is None else families.index(group.family)) % len(COLOURS)
        style = look(colour + used[colour] * len(COLOURS))
        result.append(style | {"marker": POINTS[used[colour] % len(POINTS)], "markersize": 6})
        used[colour] += 1
    return result


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


def reference_line(axes: Axes, y: float, text: str = "") -> None:
    """A dotted horizontal line, with what it means above its right end."""
    axes.axhline(y, color=GREY, linewidth=1, linestyle=":", zorder=1)
    axes.annotate(
        text,
        (1.0, y),
        (-2, 4),
        xycoords=axes.get_yaxis_transform(),
        textcoords="offset points",
        ha="right",
        color=GREY,
    )


def legend(
    figure: Figure,
    groups: Sequence[Group],
    more: Mapping[str, Mapping[str, Any]],
    *,
    dashes: bool = True,
) -> None:
    """Names of the groups below the panels; the figure grows by as much as they need.

    Args:
        figure: A figure whose panels are drawn.
        groups: The groups, as they were drawn.
        more: Further entries: text and look of a black line or mark.
        dashes: Whether line styles tell the groups of a family apart; else families are named.
    """
    entries: dict[str, dict[str, Any]] = {}
    drawn = {line.get_marker() for axes in figure.axes for line in axes.lines}
    for group, style in zip(groups, line_styles(groups), strict=True):
        style |= {} if drawn & set(POINTS) else {"marker": ""}
        count = f" ({len(group.runs)} runs)" if len(group.runs) > 1 else ""
        if dashes:
            entries[group.label + count] = style
        else:
            name = group.label if group.family is None else group.family
            entries[name] = {"color": style["color"]}
    looks = {name: {"linewidth": 2.2} | style for name, style in entries.items()}
    looks |= {name: {"color": "black", **style} for name, style in more.items()}
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
