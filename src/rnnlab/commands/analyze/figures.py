"""Figures of an analysis: exponents, gradients through time, time scales of units."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from rnnlab.commands.analyze.measure import Analysis
from rnnlab.commands.analyze.spectra import eigenvalues, singular_values
from rnnlab.commands.analyze.words import reach
from rnnlab.commands.compare.style import COLOURS, RC, look, reference_line
from rnnlab.diagnostics.saturation import OPEN, SHUT
from rnnlab.diagnostics.stats import Curve
from rnnlab.files import replacing

SIZE = (6.4, 4.2)


def write_figures(analysis: Analysis, folder: Path) -> None:
    """Draw all figures that have data, as PNG."""
    layers = analysis.layers
    with mpl.rc_context(RC):
        figures = {
            "lyapunov": exponents(analysis),
            "time_flow": against_lag(
                {name: report.flow for name, report in layers.items()},
                "Gradient of the loss in the state, towards the past",
                "dL/d",
            ),
            "memory": against_lag(
                {name: report.memory for name, report in layers.items()},
                "What the last state keeps of an earlier one, whatever the loss",
                "dh_T/d",
            ),
            "influence": influence(analysis.influence),
            "time_scales": unit_scales(analysis),
            "gates": gate_ranges(analysis),
            "eigenvalues": eigenvalues(analysis),
            "singular_values": singular_values(analysis),
        }
        for name, figure in figures.items():
            if figure is not None:
                with replacing(folder / f"{name}.png") as stream:
                    figure.savefig(stream, dpi=120)


def exponents(analysis: Analysis) -> Figure | None:
    """Lyapunov exponents of all layers with their standard errors, the largest first."""
    if not analysis.layers:
        return None
    figure, axes = _canvas("Lyapunov exponents: what becomes of a small change of the state")
    for number, (name, report) in enumerate(analysis.layers.items()):
        found = report.exponents
        values = found.values.numpy()
        kept = np.isfinite(values)
        errors = None if found.errors is None else found.errors.numpy()[kept]
        label = f"{name}: {found.verdict}"
        if not kept.all():
            label += f", {(~kept).sum()} of {len(values)} at minus infinity"
        index = np.arange(1, len(values) + 1)[kept]
        style = look(number) | {"marker": "o", "markersize": 4, "capsize": 2.5}
        axes.errorbar(index, values[kept], errors, label=label, **style)
    axes.margins(y=0.1)
    reference_line(axes, 0.0, "0: neither dies nor grows")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="exponent, the largest first", ylabel="growth of a change (nats a step)")
    return _named(figure)


def against_lag(
    layers: Mapping[str, Mapping[str, Curve]], title: str, quantity: str
) -> Figure | None:
    """Curves of all layers against the lag, those of an LSTM's cell state dotted.

    Args:
        layers: Curves by layer and part of its state.
        title: Title of the figure.
        quantity: What is differentiated by `h` or `c`, such as `dL/d`.
    """
    drawn = [curve.decades for curves in layers.values() for curve in curves.values()]
    if not any(np.isfinite(decades).any() for decades in drawn):
        return None
    figure, axes = _canvas(title)
    for number, (name, curves) in enumerate(layers.items()):
        for part, curve in curves.items():
            word = "halves" if curve.decades_per_step < 0 else "doubles"
            label = f"{name}, {quantity}{'h' if part == name else 'c'}"
            straight = np.isfinite(curve.half_life)
            label += f": {word} in {curve.half_life:.3g} steps" if straight else f": {curve.falls}"
            style = look(number)
            if part != name:
                style |= {"linestyle": ":", "linewidth": 1.3}
            axes.plot(10**curve.decades, label=label, **style)
    _by_lag(axes, "lag: steps before the sequence's end, as the layer reads")
    return _named(figure)


def influence(curve: Curve) -> Figure | None:
    """The influence of each input step on the whole encoder's output at the end."""
    if not np.isfinite(curve.decades).any():
        return None
    figure, axes = _canvas("What the encoder's output at the end owes to each step of its input")
    axes.plot(10**curve.decades, label=f"whole encoder, d out_T/dx: {curve.falls}", **look(0))
    _by_lag(axes, "lag: steps before the sequence's end")
    return _named(figure)


def unit_scales(analysis: Analysis) -> Figure | None:
    """Time scale of every unit, sorted, by the gate that holds its state."""
    figure, axes = _canvas("Time scales of the units, by the mean of the gate that holds them")
    for number, (name, report) in enumerate(analysis.layers.items()):
        for gate, scales in report.gates.scales.items():
            values = np.sort(scales.numpy())[::-1]
            share = 100 * (np.arange(len(values)) + 0.5) / len(values)
            style = look(number) | {"marker": ".", "markersize": 4}
            axes.plot(share, values, label=f"{name}, {gate} gate", **style)
    if not axes.lines:
        return None
    steps, what = reach(analysis)
    reference_line(axes, steps, f"{steps:g} steps: {what}")
    _logarithmic(axes)
    axes.set(
        xlim=(0, 100),
        xlabel="units, those that remember longest first (%)",
        ylabel="steps until 1/e is left",
    )
    return _named(figure)


def gate_ranges(analysis: Analysis) -> Figure | None:
    """Shares of the values of each sigmoid gate that are shut, in between and open."""
    bars = {
        f"{name}, {gate}": (report.gates.shares[f"{gate}/low"], report.gates.shares[f"{gate}/high"])
        for name, report in analysis.layers.items()
        for gate in report.gates.means
    }
    if not bars:
        return None
    figure, axes = _canvas("Gates: shut, in between, open")
    figure.set_size_inches(SIZE[0], 1.5 + 0.32 * len(bars))
    names = list(bars)
    low, high = 100 * np.array(list(bars.values())).T
    axes.barh(names, low, color=COLOURS[0], label=f"shut (below {SHUT})")
    axes.barh(names, 100 - low - high, left=low, color="#DDDDDD", label="in between")
    axes.barh(names, high, left=100 - high, color=COLOURS[1], label=f"open (above {OPEN})")
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set(xlim=(0, 100), xlabel="values, all steps and units (%)")
    figure.legend(loc="outside lower left", fontsize=9, ncols=3)
    return figure


def _canvas(title: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=SIZE, layout="constrained")
    axes: Axes = figure.subplots()
    axes.set_title(title)
    return figure, axes


def _by_lag(axes: Axes, label: str) -> None:
    """Axes of norms against the lag."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _logarithmic(axes)
    axes.set(xlim=(0, None), xlabel=label, ylabel="norm, geometric mean of sequences")


def _logarithmic(axes: Axes) -> None:
    """A logarithmic y axis with plain numbers."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    subs = (1, 2, 5) if high / low < 200 else (1,)
    axes.yaxis.set_major_locator(LogLocator(subs=subs))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())


def _named(figure: Figure) -> Figure:
    figure.legend(loc="outside lower left", fontsize=9, handlelength=3.2)
    return figure
