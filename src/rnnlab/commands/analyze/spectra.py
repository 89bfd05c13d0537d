"""Charts of spectra: at fixed points, and of recurrent matrices."""

import numpy as np

from rnnlab.commands.analyze.fixed_points import Kind, sentence
from rnnlab.commands.analyze.gates import Matrix
from rnnlab.commands.analyze.measure import Analysis
from rnnlab.commands.page.chart import Chart, Line, Panel, reference
from rnnlab.diagnostics.style import COLOURS, GREY, Look

KINDS: dict[Kind, Look] = {
    "stable": {"color": COLOURS[0], "linestyle": "none", "marker": "o", "markersize": 4},
    "neutral": {"color": COLOURS[2], "linestyle": "none", "marker": "s", "markersize": 4},
    "unstable": {"color": COLOURS[1], "linestyle": "none", "marker": "^", "markersize": 5},
}
"""Looks of fixed points."""

FEW = 8
"""Fixed points of a kind that are drawn."""


def fixed_points(analysis: Analysis) -> Chart | None:
    """A panel for each layer: eigenvalues of the derivative at each fixed point."""
    found = {n: r.fixed_points for n, r in analysis.layers.items() if r.fixed_points is not None}
    spectra = {
        (name, kind): np.concatenate([p.eigenvalues.numpy() for p in points[:FEW]])
        for name, each in found.items()
        for kind in KINDS
        if (points := each.of_kind(kind))
    }
    if not spectra:
        return None
    limit = 1.1 * max(1.0, *(abs(values).max() for values in spectra.values()))
    panels = []
    for name, each in found.items():
        counts = {kind: len(each.of_kind(kind)) for kind in KINDS if (name, kind) in spectra}
        title = ", ".join(f"{count} {kind}" for kind, count in counts.items()) or "none found"
        lines = [
            Line(values.real, values.imag, KINDS[kind], f"at a {kind} point", layer)
            for (layer, kind), values in spectra.items()
            if layer == name
        ]
        panels.append(in_the_plane(f"{name}: {title}", lines, limit))
    return Chart(
        "fixed_points",
        "Fixed points: where a layer comes to rest with its mean input",
        "Eigenvalues of the step's derivative at each: if all are inside the circle, states nearby "
        "return; one outside lets them leave. Several points of rest are a memory that lasts.",
        panels,
        {},
        keys={f"{k} point": look for k, look in KINDS.items() if any(k == at for _, at in spectra)},
        verdicts=[sentence(name, each) for name, each in found.items()],
    )


def eigenvalues(analysis: Analysis) -> Chart | None:
    """A panel for each layer and gate: eigenvalues in the complex plane, with the unit circle."""
    found = {
        key: matrix.eigenvalues.numpy()
        for key, matrix in _matrices(analysis).items()
        if matrix.eigenvalues is not None
    }
    if not found:
        return None
    limit = 1.1 * max(1.0, *(abs(points[0]) for points in found.values()))
    panels = [
        in_the_plane(f"{layer} {gate}: radius {abs(points[0]):.3f}", [_dots(layer, points)], limit)
        for (layer, gate), points in found.items()
    ]
    return Chart(
        "eigenvalues",
        "Eigenvalues of the recurrent matrices",
        "Inside the circle a direction shrinks when the matrix is applied again and again, outside "
        "it grows.",
        panels,
        {},
    )


def in_the_plane(title: str, dots: list[Line], limit: float) -> Panel:
    """Complex numbers and the unit circle."""
    angle = np.linspace(0, 2 * np.pi, 100)
    circle = Line(np.cos(angle), np.sin(angle), {"color": GREY, "linestyle": "-"}, width=1.0)
    limits = (-limit, limit)
    return Panel(
        title,
        [circle, *dots],
        "real part",
        "imaginary part",
        x_limits=limits,
        y_limits=limits,
        fixed=True,
        square=True,
    )


def singular_values(analysis: Analysis) -> Chart | None:
    """A panel for each layer and gate: singular values, sorted."""
    panels = []
    for (layer, gate), matrix in _matrices(analysis).items():
        values = matrix.singular.numpy()
        x, style = np.arange(1, len(values) + 1), {"color": COLOURS[0]}
        lines = [Line(x, values, style, f"{layer} {gate}", layer), reference((1, len(x)), (1, 1))]
        panels.append(
            Panel(
                f"{layer} {gate}: largest {matrix.norm:.3f}",
                lines,
                "singular value, largest first",
                "value",
                y_limits=(0, 1.1 * max(1.0, matrix.norm)),
            )
        )
    if not panels:
        return None
    return Chart(
        "singular_values",
        "Singular values of the recurrent matrices",
        "How much a matrix stretches a state at most in one step: above 1 gradients can grow.",
        panels,
        {},
    )


def _dots(layer: str, points: np.ndarray) -> Line:
    """Complex numbers (N,)."""
    style = {"color": COLOURS[0], "linestyle": "none", "marker": ".", "markersize": 5}
    return Line(points.real, points.imag, style, f"modulus up to {abs(points).max():.3f}", layer)


def _matrices(analysis: Analysis) -> dict[tuple[str, str], Matrix]:
    """All recurrent matrices by layer and gate."""
    return {
        (name, gate): matrix
        for name, report in analysis.layers.items()
        for gate, matrix in report.matrices.items()
    }
