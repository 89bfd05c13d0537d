"""An analysis as a table and in sentences."""

import math
from typing import Any

from torch import Tensor

from rnnlab.commands.analyze.fixed_points import sentence
from rnnlab.commands.analyze.lyapunov import Exponents
from rnnlab.commands.analyze.measure import Analysis, LayerReport
from rnnlab.diagnostics.saturation import OPEN, SHUT
from rnnlab.diagnostics.stats import MAX_HALF_LIFE, Curve

REMEDIES = {"forget": "a larger cell.forget_bias (3)", "update": "a larger cell.update_bias (2)"}
"""What makes the memory of a cell with this gate longer."""

EVERY_STEP = ("tags", "next")
"""Kinds of targets that give every step a loss of its own: dL/dh is flat by construction."""

ENDS = {"low": f"shut (below {SHUT})", "high": f"open (above {OPEN})"}
"""Names of the ends of a gate's range."""

MOST = 0.5
"""A gate that is at one end for more than this share gets a sentence."""


def table(analysis: Analysis) -> list[dict[str, Any]]:
    """One row a layer."""
    rows = []
    for name, report in analysis.layers.items():
        found, flow, memory = report.exponents, report.flow[name], report.memory[name]
        ranges = [map(_steps, span(scales)) for scales in report.gates.scales.values()]
        spans = [f"{low} .. {high}" for low, _, high in ranges]
        radii = [(m.radius, gate) for gate, m in report.matrices.items() if m.radius is not None]
        rows.append(
            {
                "layer": name,
                "cell": f"{report.cell} {report.sizes[0]}->{report.sizes[1]}",
                "lambda_1": _exponent(found),
                "verdict": found.verdict,
                "a change": _change(found.first, found.half_life),
                "dL/dh to the past": _fate(flow),
                "memory to the past": _fate(memory),
                "memory of units": ", ".join(spans) or "-",
                "largest radius": "{:.3f} ({})".format(*max(radii)) if radii else "-",
            }
        )
    return rows


def paragraphs_of(analysis: Analysis) -> list[str]:
    """A paragraph for every layer: what vanishes or explodes, why, and what to try; one for all."""
    layers = [
        f"{dynamics(name, report, analysis)} {flow(report.flow[name], analysis)} "
        f"{memory(report.memory[name])}{gates(report)}{at_rest(name, report)}"
        f"{advice(name, report, analysis)}"
        for name, report in analysis.layers.items()
    ]
    others = [
        f"{name} ({cell}) has no state of a fixed size: exponents, gradients through time and "
        "fixed points are those of recurrent layers."
        for name, cell in analysis.stateless.items()
    ]
    return [*layers, *others, influence(analysis)]


def span(values: Tensor) -> tuple[float, float, float]:
    """Minimum, median and maximum."""
    low, median, high = values.quantile(values.new_tensor([0.0, 0.5, 1.0])).tolist()
    return low, median, high


def reach(analysis: Analysis) -> tuple[float, str]:
    """How long a memory should be, and why: the lag of the task, or the length of a sequence."""
    if analysis.lag is not None:
        return float(analysis.lag), "the lag of the task"
    return analysis.length, "the median length of a sequence"


def dynamics(name: str, report: LayerReport, analysis: Analysis) -> str:
    """What becomes of a small change of a layer's state."""
    found = report.exponents
    every = f"every {_steps(found.half_life)} steps"
    fate = {
        "edge": "at the edge: the slowest change of its state neither decays nor grows",
        "expanding": f"expanding: a small change of its state doubles {every}",
        "contracting": f"contracting: even the slowest change of its state halves {every}",
    }[found.verdict]
    rest = ""
    if found.verdict == "contracting":
        steps, what = reach(analysis)
        left = math.exp(max(found.first, -700.0) * steps)
        rest = f"; {left:.2g} of it is left after {steps:g} steps, {what}"
    return (
        f"{name} ({report.cell}, {found.size} numbers in its state) is {fate} "
        f"(lambda_1 = {_exponent(found)} a step over {found.streams} streams of {found.steps} "
        f"steps, {report.streams.sequences} sequences){rest}."
    )


def flow(curve: Curve, analysis: Analysis) -> str:
    """How dL/dh changes towards the past."""
    slope, ratio = curve.decades_per_step, curve.first_last_ratio
    if math.isnan(ratio):
        return "dL/dh was measured at fewer than two lags."
    ends = f"at the first step it is {ratio:.2g} times that at the last"
    if analysis.kind in EVERY_STEP:
        how = f"changes by {slope:+.3g} decades a step towards the past"
        return (
            f"dL/dh {f'is {curve.falls}' if math.isnan(slope) else how}; here every step has "
            "a loss of its own, so this says nothing about memory."
        )
    if math.isnan(slope):
        return f"Towards the past dL/dh is {curve.falls}, not along a straight line; {ends}."
    if curve.half_life >= analysis.length * 10:
        rate = f"{slope:+.2g} decades a step"
        return f"The gradient reaches early states as well as late ones (dL/dh: {rate})."
    what = (
        "vanishes towards the past, halving" if slope < 0 else "explodes towards the past, doubling"
    )
    return f"dL/dh {what} every {_steps(curve.half_life)} steps; {ends}."


def memory(curve: Curve) -> str:
    """What a last state keeps of earlier ones; empty where that was not measured."""
    if math.isnan(curve.first_last_ratio):
        return ""
    slope, rate = curve.decades_per_step, f"every {_steps(curve.half_life)} steps back"
    how = f"is {curve.falls}" if math.isnan(slope) else f"{_word(slope)} {rate}"
    return f"What its last state keeps of earlier ones, ||dh_T/dh_(T-k)||, {how}. "


def influence(analysis: Analysis) -> str:
    """How much the encoder's output depends on earlier inputs."""
    curve = analysis.influence
    what = "The whole encoder: how much its output at the end depends on an earlier input, "
    if math.isnan(curve.first_last_ratio):
        return f"{what}||d out_T/dx_(T-k)||, was measured at fewer than two lags."
    slope, rate = curve.decades_per_step, f"every {_steps(curve.half_life)} steps back"
    how = f"is {curve.falls}" if math.isnan(slope) else f"{_word(slope)} {rate}"
    first = f"that of the first step is {curve.first_last_ratio:.2g} times that of the last"
    return f"{what}||d out_T/dx_(T-k)||, {how}; {first}."


def gates(report: LayerReport) -> str:
    """Which gates are stuck, and how long the units remember by them."""
    text = ""
    for key, share in report.gates.shares.items():
        gate, _, end = key.partition("/")
        if end in ENDS and share > MOST:
            text += f"Its {gate} gate is {ENDS[end]} in {share:.0%} of all steps and units. "
    for gate, scales in report.gates.scales.items():
        low, median, high = map(_steps, span(scales))
        text += (
            f"By its {gate} gate a unit remembers {median} steps in the median ({low} to {high}). "
        )
    return text


def at_rest(name: str, report: LayerReport) -> str:
    """Where it comes to rest; empty where that was not asked for."""
    return "" if report.fixed_points is None else f"{sentence(name, report.fixed_points)} "


def advice(name: str, report: LayerReport, analysis: Analysis) -> str:
    """What to try."""
    found, clip = report.exponents, "(trainer.gradient_clip_val=1)"
    if found.verdict == "expanding":
        if not report.flow[name].first_last_ratio > 1:
            return f"The gradients of the loss do not explode yet; clip them all the same {clip}."
        return f"Gradients explode here: clip them {clip}, and try a smaller learning rate."
    if found.verdict == "edge" or found.half_life >= reach(analysis)[0]:
        return "Its memory is long enough."
    remedies = [REMEDIES[gate] for gate in report.gates.scales if gate in REMEDIES]
    cells = "a cell with a gate that holds its state (cell=lstm, cell=gru)"
    what = " or ".join(remedies) or cells
    return f"To remember more than {_steps(found.half_life)} steps, try {what}."


def _exponent(found: Exponents) -> str:
    error = "" if found.first_error is None else f" ± {found.first_error:.1g}"
    return f"{found.first:+.4f}{error}"


def _fate(curve: Curve) -> str:
    if math.isnan(curve.half_life) and not math.isnan(curve.first_last_ratio):
        return curve.falls
    return _change(curve.decades_per_step, curve.half_life)


def _change(growth: float, steps: float) -> str:
    return "-" if math.isnan(steps) else f"{_word(growth)} in {_steps(steps)}"


def _word(growth: float) -> str:
    return "halves" if growth < 0 else "doubles"


def _steps(value: float) -> str:
    if math.isnan(value):
        return "-"
    if value >= MAX_HALF_LIFE:
        return f"over {MAX_HALF_LIFE:,.0f}"
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
