"""An analysis as a table and in sentences."""

import math
from typing import Any

from torch import Tensor

from rnnlab.commands.analyze.lyapunov import Exponents
from rnnlab.commands.analyze.measure import Analysis, LayerReport
from rnnlab.diagnostics.stats import MAX_HALF_LIFE, Curve

REMEDIES = {"forget": "a larger cell.forget_bias (3)", "update": "a larger cell.update_bias (2)"}
"""What makes the memory of a cell with this gate longer."""

EVERY_STEP = ("tags", "next")
"""Kinds of targets that give every step a loss of its own: dL/dh is flat by construction."""

ENDS = {"low": "shut (below 0.05)", "high": "open (above 0.95)"}
"""Names of the ends of a gate's range."""

MOST = 0.5
"""A gate that is at one end for more than this share gets a sentence."""


def table(analysis: Analysis) -> list[dict[str, Any]]:
    """One row a layer."""
    return [
        {
            "layer": name,
            "cell": f"{report.cell} {report.sizes[0]}->{report.sizes[1]}",
            "lambda_1": _exponent(report.exponents),
            "verdict": report.exponents.verdict,
            "a change": _change(report.exponents.first, report.exponents.half_life),
            "dL/dh to the past": _course(report.flow[name]),
            "memory to the past": _course(report.memory[name]),
            "memory of units": _memory(report),
            "largest radius": _radius(report),
        }
        for name, report in analysis.layers.items()
    ]


def tell(analysis: Analysis) -> list[str]:
    """A paragraph for every layer: what vanishes or explodes, why, and what to try."""
    return [
        " ".join(
            [
                _dynamics(name, report, analysis),
                _flow(report.flow[name], analysis),
                *_memory_curve(report.memory[name]),
                *_gates(report),
                _advice(name, report, analysis),
            ]
        )
        for name, report in analysis.layers.items()
    ]


def span(values: Tensor) -> tuple[float, float, float]:
    """Minimum, median and maximum."""
    low, median, high = values.quantile(values.new_tensor([0.0, 0.5, 1.0])).tolist()
    return low, median, high


def reach(analysis: Analysis) -> tuple[float, str]:
    """How long a memory should be, and why: the lag of the task, or the length of a sequence."""
    if analysis.lag is not None:
        return float(analysis.lag), "the lag of the task"
    return analysis.length, "the median length of a sequence"


def _dynamics(name: str, report: LayerReport, analysis: Analysis) -> str:
    found = report.exponents
    carried = (
        f"{found.streams} streams of {found.steps} steps, {report.streams.sequences} sequences"
    )
    head = f"{name} ({report.cell}, {found.size} numbers in its state) is "
    exponent = f"lambda_1 = {_exponent(found)} a step over {carried}"
    steps, what = reach(analysis)
    if found.verdict == "edge":
        fate = "the slowest change of its state neither decays nor grows"
        return f"{head}at the edge: {fate} ({exponent})."
    if found.verdict == "expanding":
        return (
            f"{head}expanding: a small change of its state doubles every "
            f"{_steps(found.half_life)} steps ({exponent})."
        )
    left = math.exp(max(found.first, -700.0) * steps)
    return (
        f"{head}contracting: even the slowest change of its state halves every "
        f"{_steps(found.half_life)} steps ({exponent}); "
        f"{left:.2g} of it is left after {steps:g} steps, {what}."
    )


def _flow(curve: Curve, analysis: Analysis) -> str:
    slope, life = curve.decades_per_step, curve.half_life
    if math.isnan(slope):
        return "dL/dh was measured at fewer than two lags."
    if analysis.kind in EVERY_STEP:
        return (
            f"dL/dh changes by {slope:+.3g} decades a step towards the past; here every step has "
            "a loss of its own, so this says nothing about memory."
        )
    if life >= analysis.length * 10:
        rate = f"{slope:+.2g} decades a step"
        return f"The gradient reaches early states as well as late ones (dL/dh: {rate})."
    word = "vanishes" if slope < 0 else "explodes"
    change = "halving" if slope < 0 else "doubling"
    ratio = curve.first_last_ratio
    ends = (
        "" if math.isnan(ratio) else f"; at the first step it is {ratio:.2g} times that at the last"
    )
    return f"dL/dh {word} towards the past, {change} every {_steps(life)} steps{ends}."


def _memory_curve(curve: Curve) -> list[str]:
    if math.isnan(curve.decades_per_step):
        return []
    word = "halves" if curve.decades_per_step < 0 else "doubles"
    return [
        "What its last state keeps of earlier ones, ||dh_T/dh_(T-k)||, "
        f"{word} every {_steps(curve.half_life)} steps back."
    ]


def _gates(report: LayerReport) -> list[str]:
    sentences = []
    for key, share in report.gates.shares.items():
        gate, _, end = key.partition("/")
        if end in ENDS and share > MOST:
            sentences.append(
                f"Its {gate} gate is {ENDS[end]} in {share:.0%} of all steps and units."
            )
    for gate, scales in report.scales.items():
        low, median, high = span(scales)
        sentences.append(
            f"By its {gate} gate a unit remembers {_steps(median)} steps in the median "
            f"({_steps(low)} to {_steps(high)})."
        )
    return sentences


def _advice(name: str, report: LayerReport, analysis: Analysis) -> str:
    found = report.exponents
    if found.verdict == "expanding" and report.flow[name].decades_per_step <= 0:
        return (
            "The gradients of the loss do not explode yet; clip them all the same "
            "(trainer.gradient_clip_val=1)."
        )
    if found.verdict == "expanding":
        return (
            "Gradients explode here: clip them (trainer.gradient_clip_val=1), and try a smaller "
            "learning rate."
        )
    steps, _ = reach(analysis)
    if found.verdict == "edge" or found.half_life >= steps:
        return "Its memory is long enough."
    remedies = [REMEDIES[gate] for gate in report.scales if gate in REMEDIES]
    cells = "a cell with a gate that holds its state (cell=lstm, cell=gru)"
    return (
        f"To remember more than {_steps(found.half_life)} steps, try "
        f"{' or '.join(remedies) if remedies else cells}."
    )


def _exponent(found: Exponents) -> str:
    error = "" if found.first_error is None else f" ± {found.first_error:.1g}"
    return f"{found.first:+.4f}{error}"


def _course(curve: Curve) -> str:
    return _change(curve.decades_per_step, curve.half_life)


def _change(growth: float, steps: float) -> str:
    if math.isnan(steps):
        return "-"
    return f"{'halves' if growth < 0 else 'doubles'} in {_steps(steps)}"


def _steps(value: float) -> str:
    if math.isnan(value):
        return "-"
    if value >= MAX_HALF_LIFE:
        return f"over {MAX_HALF_LIFE:,.0f}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _memory(report: LayerReport) -> str:
    spans = [span(scales) for scales in report.scales.values()]
    return ", ".join(f"{_steps(low)} .. {_steps(high)}" for low, _, high in spans) or "-"


def _radius(report: LayerReport) -> str:
    radii = {gate: m.radius for gate, m in report.matrices.items() if m.radius is not None}
    if not radii:
        return "-"
    gate = max(radii, key=lambda name: radii[name])
    return f"{radii[gate]:.3f} ({gate})"
