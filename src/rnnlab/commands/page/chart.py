"""What a chart shows, whoever draws it: matplotlib for files, plotly on a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from rnnlab.diagnostics.style import GREY, Look


@dataclass(frozen=True, eq=False)
class Line:
    """A line, or marks.

    Attributes:
        x: Positions (N,).
        y: Values (N,); what is not finite is a gap.
        look: Colour, dashes and mark; a mark is drawn where the line has a single point.
        name: What is shown beside a point of it.
        entry: Entry of the legend that shows and hides it; empty for a line of reference, which has
            its name written at its end.
        runs: Numbers of the runs that it comes from, for a filter of runs.
        width: In points.
        alpha: 1 is opaque.
        marks: Whether each point has its mark, and not a single one only.
        error: Standard error of each value (N,).
        frames: Values (F, N) at each step of the chart's slider.
    """

    x: np.ndarray
    y: np.ndarray
    look: Look
    name: str = ""
    entry: str = ""
    runs: tuple[int, ...] = ()
    width: float = 1.8
    alpha: float = 1.0
    marks: bool = False
    error: np.ndarray | None = None
    frames: np.ndarray | None = None

    @property
    def marked(self) -> bool:
        """Whether its points are to be seen as marks."""
        return (
            self.marks
            or self.look.get("linestyle") == "none"
            or int(np.isfinite(self.y).sum()) == 1
        )


@dataclass(frozen=True, eq=False)
class Panel:
    """Axes with lines; a limit is None where the lines decide it.

    Attributes:
        title: What this panel shows of the chart's subject.
        lines: The lines, the last on top.
        x_label: Name and unit of the x axis.
        y_label: Name and unit of the y axis.
        x_log: Whether the x axis is logarithmic.
        y_log: Whether the y axis is logarithmic.
        x_limits: Of the x axis.
        y_limits: Of the y axis.
        fixed: Whether the values are logarithms already, so that no other axis makes sense.
        square: Whether a unit is as long on both axes.
    """

    title: str
    lines: Sequence[Line]
    x_label: str
    y_label: str
    x_log: bool = False
    y_log: bool = False
    x_limits: tuple[float | None, float | None] = (None, None)
    y_limits: tuple[float | None, float | None] = (None, None)
    fixed: bool = False
    square: bool = False


@dataclass(frozen=True, eq=False)
class Chart:
    """Panels under one heading.

    Attributes:
        name: Of its files.
        title: The heading.
        caption: What to see, in a sentence or two.
        panels: At least one.
        legend: Texts and looks of all entries, for a picture without a page.
        keys: Further looks that a reader has to know, in grey or black.
        steps: Training steps of the slider (F,); None without a slider.
        verdicts: What the chart says of the nets at hand, in words.
    """

    name: str
    title: str
    caption: str
    panels: Sequence[Panel]
    legend: Mapping[str, Look]
    keys: Mapping[str, Look] = field(default_factory=dict)
    steps: np.ndarray | None = None
    verdicts: Sequence[str] = ()


def reference(x: Sequence[float], y: Sequence[float], text: str = "") -> Line:
    """A dotted line that others are measured by, with what it means at its end."""
    style = {"color": GREY, "linestyle": ":"}
    return Line(np.array(x, float), np.array(y, float), style, text, width=1.0)
