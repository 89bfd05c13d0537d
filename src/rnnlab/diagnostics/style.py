"""Colours, dashes and marks of all pictures, also for colour-blind readers."""

from typing import Any

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
    "svg.fonttype": "path",  # letters are outlines, so that no font is needed
}
"""Settings of matplotlib."""

MARK: Any = {"linestyle": "none", "markersize": 7, "markeredgewidth": 1.8}
"""Looks of a mark."""

Look = dict[str, Any]
"""Colour, dashes and mark of a line, as matplotlib names them."""


def look(number: int) -> Look:
    """Colour and line style of the number-th line: first all colours, then other dashes."""
    turn, colour = divmod(number, len(COLOURS))
    dots = turn + 1 - len(DASHES)
    dashes = DASHES[turn] if dots < 1 else (0, (5, 1.5) + (1, 1.5) * dots)
    return {"color": COLOURS[colour], "linestyle": dashes}
