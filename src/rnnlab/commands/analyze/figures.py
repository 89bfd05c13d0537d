"""The picture of an analysis that has bars: gates that are shut, in between and open."""

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from rnnlab.commands.analyze.measure import Analysis
from rnnlab.diagnostics.saturation import OPEN, SHUT
from rnnlab.diagnostics.style import COLOURS, RC


def gate_shares(analysis: Analysis) -> dict[str, tuple[float, float]]:
    """Of each layer and sigmoid gate the shares of values that are shut, and open."""
    return {
        f"{name}, {gate}": (report.gates.shares[f"{gate}/low"], report.gates.shares[f"{gate}/high"])
        for name, report in analysis.layers.items()
        for gate in report.gates.means
    }


def gate_ranges(analysis: Analysis) -> Figure | None:
    """Shares of the values of each sigmoid gate that are shut, in between and open."""
    bars = gate_shares(analysis)
    if not bars:
        return None
    with mpl.rc_context(RC):
        figure = Figure(figsize=(6.4, 1.5 + 0.32 * len(bars)), layout="constrained")
        axes: Axes = figure.subplots()
        axes.set_title("Gates: shut, in between, open")
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
