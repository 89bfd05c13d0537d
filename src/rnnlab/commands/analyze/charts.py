"""Charts of an analysis: exponents, gradients through time, time scales, influence."""

from collections.abc import Mapping

import numpy as np

from rnnlab.commands.analyze import words
from rnnlab.commands.analyze.measure import Analysis
from rnnlab.commands.analyze.spectra import eigenvalues, fixed_points, singular_values
from rnnlab.commands.page.chart import Chart, Line, Panel, reference
from rnnlab.diagnostics.stats import Curve
from rnnlab.diagnostics.style import Look, look

WHOLE = "whole encoder"
"""Entry of what is measured of all layers together."""

BY_LAG = "lag (steps before the end, as read)"
NORM = "norm, geometric mean of sequences"


def all_charts(analysis: Analysis) -> list[Chart]:
    """All charts for which there is something, in order."""
    layers = analysis.layers
    made = (
        exponents(analysis),
        against_lag(
            "time_flow",
            "Gradient of the loss in the state, towards the past",
            "A line that falls to the right belongs to a gradient that vanishes on its way back; "
            "dotted: dL/dc of an LSTM's cell.",
            {name: report.flow for name, report in layers.items()},
            [f"{n}: {words.flow(r.flow[n], analysis)}" for n, r in layers.items()],
        ),
        against_lag(
            "memory",
            "What the last state keeps of an earlier one, whatever the loss",
            "||dh_T/dh_(T-k)|| against k: how much of a change k steps ago is still there. Dotted: "
            "dh_T/dc of an LSTM's cell.",
            {name: report.memory for name, report in layers.items()},
            [f"{n}: {words.memory(r.memory[n]).strip()}" for n, r in layers.items()],
        ),
        influence(analysis),
        unit_scales(analysis),
        fixed_points(analysis),
        eigenvalues(analysis),
        singular_values(analysis),
    )
    return [chart for chart in made if chart is not None]


def layer_looks(analysis: Analysis) -> dict[str, Look]:
    """Looks of the layers, and of the encoder as a whole."""
    names = [*analysis.layers, WHOLE]
    return {name: look(n) | {"marker": "o", "markersize": 4} for n, name in enumerate(names)}


def exponents(analysis: Analysis) -> Chart | None:
    """Lyapunov exponents of all layers with their standard errors, the largest first."""
    lines, legend = [], {}
    for name, report in analysis.layers.items():
        found = report.exponents
        values = found.values.numpy()
        kept = np.isfinite(values)
        style = layer_looks(analysis)[name]
        label = f"{name}: {found.verdict}"
        if not kept.all():
            label += f", {(~kept).sum()} of {len(values)} at minus infinity"
        index = np.arange(1, len(values) + 1)[kept]
        errors = None if found.errors is None else found.errors.numpy()[kept]
        lines.append(Line(index, values[kept], style, label, name, marks=True, error=errors))
        legend[label] = style
    if not lines:
        return None
    ends = 0.5, max(len(report.exponents.values) for report in analysis.layers.values()) + 0.5
    lines.append(reference(ends, (0, 0), "0: neither dies nor grows"))
    return Chart(
        "lyapunov",
        "Lyapunov exponents: what becomes of a small change of the state",
        "Below 0 a change dies out, above 0 it grows (chaos), at 0 it is kept: the largest "
        "exponent is the layer's memory.",
        [
            Panel(
                "",
                lines,
                "exponent, the largest first",
                "growth of a change (nats a step)",
                x_limits=ends,
            )
        ],
        legend,
        verdicts=[words.dynamics(n, r, analysis) for n, r in analysis.layers.items()],
    )


def against_lag(
    name: str,
    title: str,
    caption: str,
    layers: Mapping[str, Mapping[str, Curve]],
    verdicts: list[str],
) -> Chart | None:
    """Curves of all layers against the lag, those of an LSTM's cell state dotted."""
    lines, legend = [], {}
    for number, (layer, curves) in enumerate(layers.items()):
        for part, curve in curves.items():
            word = "halves" if curve.decades_per_step < 0 else "doubles"
            straight = np.isfinite(curve.half_life)
            fate = f"{word} in {curve.half_life:.3g} steps" if straight else curve.falls
            style = look(number) | ({} if part == layer else {"linestyle": ":"})
            legend[f"{part}: {fate}"] = style
            x = np.arange(len(curve.decades))
            width = 1.8 if part == layer else 1.3
            lines.append(Line(x, 10**curve.decades, style, f"{part}: {fate}", layer, width=width))
    if not any(np.isfinite(line.y).any() for line in lines):
        return None
    panel = Panel("", lines, BY_LAG, NORM, y_log=True, x_limits=(0, None))
    return Chart(name, title, caption, [panel], legend, verdicts=verdicts)


def influence(analysis: Analysis) -> Chart | None:
    """The influence of each input step on the whole encoder's output at the end."""
    curve = analysis.influence
    if not np.isfinite(curve.decades).any():
        return None
    style = layer_looks(analysis)[WHOLE]
    label = f"{WHOLE}, d out_T/dx: {curve.falls}"
    line = Line(np.arange(len(curve.decades)), 10**curve.decades, style, label, WHOLE)
    panel = Panel("", [line], "lag (steps before the end)", NORM, y_log=True, x_limits=(0, None))
    return Chart(
        "influence",
        "What the encoder's output at the end owes to each step of its input",
        "A line that falls belongs to an encoder that forgets what it read long ago; a flat one "
        "to one that reads all steps alike.",
        [panel],
        {label: style},
        verdicts=[words.influence(analysis)],
    )


def unit_scales(analysis: Analysis) -> Chart | None:
    """Time scale of every unit, sorted, by the gate that holds its state."""
    lines, legend = [], {}
    for name, report in analysis.layers.items():
        for gate, scales in report.gates.scales.items():
            values = np.sort(scales.numpy())[::-1]
            share = 100 * (np.arange(len(values)) + 0.5) / len(values)
            label, style = f"{name}, {gate} gate", layer_looks(analysis)[name]
            lines.append(Line(share, values, style, label, name, marks=len(values) < 100))
            legend[label] = style
    if not lines:
        return None
    steps, what = words.reach(analysis)
    lines.append(reference((0, 100), (steps, steps), f"{steps:g} steps: {what}"))
    panel = Panel(
        "",
        lines,
        "units, those that remember longest first (%)",
        "steps until 1/e is left",
        y_log=True,
        x_limits=(0, 100),
    )
    return Chart(
        "time_scales",
        "Time scales of the units, by the mean of the gate that holds them",
        "Units above the dotted line hold their state for as long as the task needs it.",
        [panel],
        legend,
        verdicts=[
            f"{name}: {words.gates(report)}{words.advice(name, report, analysis)}"
            for name, report in analysis.layers.items()
        ],
    )
