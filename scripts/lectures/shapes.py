"""The five shapes that a net on sequences can have, as a picture."""

from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, Rectangle

from rnnlab.diagnostics.style import COLOURS, RC

SIZE = 0.7
"""Side of a box; steps are 1 apart."""
ROWS = {"inputs": 0.0, "states": 1.5, "outputs": 3.0}
"""Heights."""


@dataclass(frozen=True)
class Shape:
    """One panel.

    Attributes:
        title: Its name.
        example: Of what it does.
        steps: Columns.
        inputs: Columns with an input.
        outputs: Columns with an output.
        decoder: Column at which a second net begins; None for one net.
    """

    title: str
    example: str
    steps: int
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    decoder: int | None = None


SHAPES = (
    Shape("one-to-one", "a picture's pixels: a digit", 1, (0,), (0,)),
    Shape("one-to-many", "a language: a surname", 3, (0,), (0, 1, 2)),
    Shape("many-to-one", "a review: good or bad", 3, (0, 1, 2), (2,)),
    Shape("many-to-many", "words: a tag for each", 3, (0, 1, 2), (0, 1, 2)),
    Shape("encoder-decoder", "a sentence: its translation", 5, (0, 1, 2), (3, 4), decoder=3),
)


def draw(path: Path) -> None:
    """All five side by side, as PNG."""
    with mpl.rc_context(RC):
        widths = [max(shape.steps, 2.2) for shape in SHAPES]
        figure = Figure(figsize=(11.5, 3.0), layout="constrained")
        panels = figure.subplots(1, len(SHAPES), width_ratios=widths)
        for axes, shape in zip(panels, SHAPES, strict=True):
            _panel(axes, shape)
        figure.savefig(path, dpi=110)


def _panel(axes: Axes, shape: Shape) -> None:
    states = [
        COLOURS[1] if shape.decoder is not None and step >= shape.decoder else COLOURS[0]
        for step in range(shape.steps)
    ]
    for step, colour in enumerate(states):
        _box(axes, step, "states", colour)
        if step:
            _arrow(axes, (step - 1 + SIZE / 2, ROWS["states"]), (step - SIZE / 2, ROWS["states"]))
    for step in shape.inputs:
        _box(axes, step, "inputs", "#DDDDDD")
        _arrow(axes, (step, SIZE / 2), (step, ROWS["states"] - SIZE / 2))
    for step in shape.outputs:
        _box(axes, step, "outputs", "#FFFFFF")
        _arrow(axes, (step, ROWS["states"] + SIZE / 2), (step, ROWS["outputs"] - SIZE / 2))
    middle, half = (shape.steps - 1) / 2, max(shape.steps, 2.2) / 2
    axes.set(xlim=(middle - half, middle + half), ylim=(-0.6, 3.6), aspect="equal")
    axes.set_title(shape.title)
    axes.set_xlabel(shape.example, fontsize=8)
    axes.set(xticks=[], yticks=[])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _box(axes: Axes, step: float, row: str, colour: str) -> None:
    corner = (step - SIZE / 2, ROWS[row] - SIZE / 2)
    axes.add_patch(Rectangle(corner, SIZE, SIZE, facecolor=colour, edgecolor="#444444"))


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    style = {"arrowstyle": "-|>", "mutation_scale": 9, "color": "#444444", "shrinkA": 0}
    axes.add_patch(FancyArrowPatch(start, end, **style, shrinkB=0))
