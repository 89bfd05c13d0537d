"""Figures of the recurrent matrices: eigenvalues on the unit circle, singular values."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from rnnlab.commands.analyze.matrices import Matrix
from rnnlab.commands.analyze.measure import Analysis
from rnnlab.commands.compare.style import COLOURS

SIDE = 2.5
"""Width and height of a panel in inches."""

NARROWEST = 3
"""The figures are at least as wide as so many panels, so that their titles fit."""


def eigenvalues(analysis: Analysis) -> Figure | None:
    """A panel for each layer and gate: eigenvalues in the complex plane, with the unit circle."""
    square = [
        float(matrix.radius)
        for report in analysis.layers.values()
        for matrix in report.matrices.values()
        if matrix.radius is not None
    ]
    grid = _grid(analysis, "Eigenvalues of the recurrent matrices")
    if grid is None or not square:
        return None
    figure, panels = grid
    limit = 1.1 * max(1.0, *square)
    for (name, gate, matrix), panel in panels:
        if matrix.eigenvalues is None or matrix.radius is None:
            panel.remove()
            continue
        points = matrix.eigenvalues.numpy()
        panel.add_patch(Circle((0, 0), 1, fill=False, edgecolor="#555555", linewidth=1))
        panel.plot(points.real, points.imag, ".", color=COLOURS[0], markersize=4, alpha=0.8)
        panel.set_title(f"{name}\n{gate}: radius {matrix.radius:.3f}", fontsize=9)
        panel.set_xlim(-limit, limit)
        panel.set_ylim(-limit, limit)
        panel.set_aspect("equal")
        panel.set_xlabel("real part", fontsize=9)
        panel.set_ylabel("imaginary part", fontsize=9)
    return figure


def singular_values(analysis: Analysis) -> Figure | None:
    """A panel for each layer and gate: singular values, sorted."""
    grid = _grid(analysis, "Singular values of the recurrent matrices")
    if grid is None:
        return None
    figure, panels = grid
    for (name, gate, matrix), panel in panels:
        values = matrix.singular.numpy()
        panel.plot(np.arange(1, len(values) + 1), values, color=COLOURS[0], linewidth=1.8)
        panel.axhline(1.0, color="#555555", linewidth=1, linestyle=":", zorder=1)
        panel.set_title(f"{name}\n{gate}: largest {matrix.norm:.3f}", fontsize=9)
        panel.set_ylim(0, 1.1 * max(1.0, float(values[0])))
        panel.set_xlabel("singular value, largest first", fontsize=9)
        panel.set_ylabel("value", fontsize=9)
    return figure


def _grid(
    analysis: Analysis, title: str
) -> tuple[Figure, list[tuple[tuple[str, str, Matrix], Axes]]] | None:
    """A row of panels for each layer, a column for each gate; None where there are no matrices.

    Layers of one matrix each stand side by side, four in a row.
    """
    rows = [
        [(name, gate, matrix) for gate, matrix in report.matrices.items()]
        for name, report in analysis.layers.items()
        if report.matrices
    ]
    if not rows:
        return None
    if all(len(row) == 1 for row in rows):
        single = [row[0] for row in rows]
        rows = [single[i : i + 4] for i in range(0, len(single), 4)]
    across = max(NARROWEST, *map(len, rows))
    size = (across * SIDE, len(rows) * (SIDE + 0.3) + 0.5)
    figure = Figure(figsize=size, layout="constrained")
    axes: Any = figure.subplots(len(rows), across, squeeze=False)
    panels = []
    for row, places in zip(rows, axes, strict=True):
        for panel in places[len(row) :]:
            panel.remove()
        panels += list(zip(row, places, strict=False))
    figure.suptitle(title, x=0.01, ha="left", weight="bold", size=11.5)
    return figure, panels
