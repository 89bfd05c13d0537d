"""Figures of the recurrent matrices: eigenvalues on the unit circle, singular values."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle

from rnnlab.commands.analyze.gates import Matrix
from rnnlab.commands.analyze.measure import Analysis
from rnnlab.commands.compare.style import COLOURS, GREY, headline, panels, reference_line

SIZE = (2.6, 2.8)
"""Width and height of a panel in inches."""


def eigenvalues(analysis: Analysis) -> Figure | None:
    """A panel for each layer and gate: eigenvalues in the complex plane, with the unit circle."""
    found = {
        name: matrix.eigenvalues.numpy()
        for name, matrix in _matrices(analysis).items()
        if matrix.eigenvalues is not None
    }
    if not found:
        return None
    figure, axes = _panels(analysis, len(found), "Eigenvalues of the recurrent matrices")
    limit = 1.1 * max(1.0, *(abs(points[0]) for points in found.values()))
    for (name, points), panel in zip(found.items(), axes, strict=True):
        panel.add_patch(Circle((0, 0), 1, fill=False, edgecolor=GREY, linewidth=1))
        panel.plot(points.real, points.imag, ".", color=COLOURS[0], markersize=4, alpha=0.8)
        panel.set(
            title=f"{name}: radius {abs(points[0]):.3f}",
            xlim=(-limit, limit),
            ylim=(-limit, limit),
            aspect="equal",
            xlabel="real part",
            ylabel="imaginary part",
        )
    return figure


def singular_values(analysis: Analysis) -> Figure | None:
    """A panel for each layer and gate: singular values, sorted."""
    matrices = _matrices(analysis)
    if not matrices:
        return None
    figure, axes = _panels(analysis, len(matrices), "Singular values of the recurrent matrices")
    for (name, matrix), panel in zip(matrices.items(), axes, strict=True):
        values = matrix.singular.numpy()
        panel.plot(np.arange(1, len(values) + 1), values, color=COLOURS[0], linewidth=1.8)
        reference_line(panel, 1.0)
        panel.set(
            title=f"{name}: largest {matrix.norm:.3f}",
            ylim=(0, 1.1 * max(1.0, matrix.norm)),
            xlabel="singular value, largest first",
            ylabel="value",
        )
    return figure


def _matrices(analysis: Analysis) -> dict[str, Matrix]:
    """All recurrent matrices by the titles of their panels."""
    return {
        f"{name}\n{gate}": matrix
        for name, report in analysis.layers.items()
        for gate, matrix in report.matrices.items()
    }


def _panels(analysis: Analysis, count: int, title: str) -> tuple[Figure, list[Axes]]:
    """A row of panels for each layer; layers of one matrix each stand side by side."""
    most = max(len(report.matrices) for report in analysis.layers.values())
    figure, axes = panels(count, most if most > 1 else 4, SIZE)
    headline(figure, title)
    return figure, axes
