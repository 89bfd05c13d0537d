"""All numbers of a layer as plain values, for `analysis.json`."""

from typing import Any

import torch

from rnnlab.commands.analyze.fixed_points import points_record
from rnnlab.commands.analyze.measure import LayerReport
from rnnlab.commands.analyze.words import span
from rnnlab.diagnostics.stats import NUMBERS, Curve


def layer_record(report: LayerReport) -> dict[str, Any]:
    """The measurements of a layer."""
    found = report.exponents
    return {
        "cell": report.cell,
        "input_size": report.sizes[0],
        "output_size": report.sizes[1],
        "state_size": found.size,
        "lyapunov": {
            "exponents": found.values.tolist(),
            "standard_errors": None if found.errors is None else found.errors.tolist(),
            "verdict": found.verdict,
            "half_life": found.half_life,
            "steps": found.steps,
            "streams": found.streams,
            "sequences": report.streams.sequences,
            "passes": report.streams.passes,
        },
        "time_flow": {name: curve_record(curve) for name, curve in report.flow.items()},
        "memory": {name: curve_record(curve) for name, curve in report.memory.items()},
        "gates": {
            "mean_by_unit": {name: mean.tolist() for name, mean in report.gates.means.items()},
            "over_all_units": dict(report.gates.shares),
        },
        "time_scales": {
            name: dict(zip(("least", "median", "most"), span(scales), strict=True))
            | {"steps": scales.tolist()}
            for name, scales in report.gates.scales.items()
        },
        "fixed_points": report.fixed_points and points_record(report.fixed_points),
        "recurrent": {
            gate: {
                "norm": matrix.norm,
                "spectral_radius": matrix.radius,
                "singular_values": matrix.singular.tolist(),
                "eigenvalues": None
                if matrix.eigenvalues is None
                else torch.view_as_real(matrix.eigenvalues).tolist(),
            }
            for gate, matrix in report.matrices.items()
        },
    }


def curve_record(curve: Curve) -> dict[str, Any]:
    """The numbers of a curve."""
    return {
        **{name: getattr(curve, name) for name in NUMBERS},
        "log10_norm_by_lag": curve.decades.tolist(),
        "sequences_by_lag": curve.sequences.tolist(),
    }
