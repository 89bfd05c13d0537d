"""Colours, line styles and legends of the figures, also for colour-blind readers."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rnnlab.commands.compare.groups import Group

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#000000", "#56B4E9", "#E69F00")
"""Okabe and Ito (2008), Color Universal Design, without yellow, which is too light on white."""

DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
"""Line styles of groups that share a colour."""

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
    "svg.hashsalt": "rnnlab",
}
"""Settings of matplotlib."""

PANEL = (4.2, 3.0)
"""Width and height of one panel in inches."""


def line_styles(groups: Sequence[Group]) -> list[dict[str, Any]]:
    """Colour and dashes of each group: groups of one family share the colour."""
    families = list(dict.fromkeys(group.family for group in groups))
    counts: dict[int, int] = {}
    result: list[dict[str, Any]] = []
    for index, group in enumerate(groups):
        family = index if group.family is None else families.index(group.family)
        colour = family % len(COLOURS)
        dashes = counts.get(colour, 0)
        counts[colour] = dashes + 1
        result.append({"color": COLOURS[colour], "linestyle": DASHES[dashes % len(DASHES)]})
    return result


def panels(count: int, title: str) -> tuple[Figure, list[Axes]]:
    """A figure with `count` panels, at most three in a row."""
    across = min(count, 3)
    down = -(-count // across)
    size = (max(across * PANEL[0], 1.7 * PANEL[0]), down * PANEL[1] + 1.0)
    figure = Figure(figsize=size, layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.08)  # type: ignore[union-attr,call-arg]
    grid = figure.subplots(down, across, squeeze=False)
    every: list[Axes] = list(grid.flat)
    for unused in every[count:]:
        unused.remove()
    figure.suptitle(title, x=0.01, ha="left", weight="bold", size=11.5)
    return figure, every[:count]


def legend(
    figure: Figure, groups: Sequence[Group], more: Sequence[Line2D] = (), *, dashes: bool = True
) -> None:
    """Names of the groups below the panels.

    Args:
        figure: A figure whose panels are drawn.
        groups: The groups, as they were drawn.
        more: Further entries.
        dashes: Whether line styles tell the groups of a family apart; else families are named.
    """
    if dashes:
        entries = {
            _named(group): look for group, look in zip(groups, line_styles(groups), strict=True)
        }
    else:
        names = [group.label if group.family is None else group.family for group in groups]
        colours = [{"color": look["color"]} for look in line_styles(groups)]
        entries = dict(zip(names, colours, strict=True))
    lines = [Line2D([], [], linewidth=2.2, label=name, **look) for name, look in entries.items()]
    handles = [*lines, *more]
    longest = max(len(str(handle.get_label())) for handle in handles)
    across = max(1, int(figure.get_figwidth() * 11 / (longest + 8)))
    figure.legend(
        handles=handles,
        loc="outside lower left",
        ncols=min(across, len(handles)),
        handlelength=3.2,
    )


def _named(group: Group) -> str:
    count = len(group.runs)
    return group.label if count == 1 else f"{group.label} ({count} runs)"
