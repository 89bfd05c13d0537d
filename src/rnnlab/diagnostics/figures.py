"""Figures of curves against lag, for the run's folder and for TensorBoard."""

from collections.abc import Mapping
from pathlib import Path

import matplotlib.style
import numpy as np
from lightning import Trainer
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import imsave

from rnnlab.diagnostics.board import displays
from rnnlab.diagnostics.curve_history import CurveHistory
from rnnlab.diagnostics.stats import LIMITS, Curve

STYLE = "tableau-colorblind10"


def plot_curves(curves: Mapping[str, Curve], quantity: str, step: int) -> Figure:
    """All layers' curves of one step, relative to lag 0, on one fixed scale.

    Args:
        curves: By name.
        quantity: What the norm is of, such as "dL/dh".
        step: The optimiser step.
    """
    with matplotlib.style.context(STYLE):
        height = max(4.0, 3.2 + 0.2 * len(curves))  # each has a line below the axes
        figure = Figure(figsize=(6.4, height), layout="constrained")
        axes = figure.subplots()
        for name, curve in curves.items():
            slope = curve.decades_per_step
            shape = curve.falls if np.isnan(slope) else f"{slope:+.3f} decades a step"
            label = f"{name}: {shape}, 10^{curve.decades[0]:.1f} at lag 0"
            dashes = "--" if "/" in name else "-"
            axes.plot(curve.decades - curve.decades[0], dashes, label=label, linewidth=1.6)
        axes.set_ylim(LIMITS)
        axes.set_xlabel("lag: steps before the sequence's end, as the layer reads")
        axes.set_ylabel(f"decades of ||{quantity}|| against lag 0")
        axes.set_title(f"{quantity} at step {step}", loc="left", fontsize=10.5)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside lower left", frameon=False, fontsize=8)
    return figure


def plot_heatmap(history: CurveHistory, quantity: str) -> Figure:
    """Lag x training step of every layer, relative to lag 0, on a fixed logarithmic colour scale.

    White is as large as at the end, blue has vanished on the way back, red has exploded.

    Args:
        history: At least two samples.
        quantity: What the norm is of.
    """
    decades = history.decades()
    with np.errstate(invalid="ignore"):
        relative = decades - decades[:, :, :1]
    count = len(history.layers)
    figure = Figure(figsize=(6.4, 1.0 + 1.9 * count), layout="constrained")
    panels = figure.subplots(count, 1, sharex=True, squeeze=False)[:, 0]
    centres = np.array(history.steps, dtype=np.float64)
    between = (centres[1:] + centres[:-1]) / 2
    first, last = 2 * centres[[0, -1]] - between[[0, -1]]
    edges = [max(first, 0.0), *between, last]  # there is no step below 1
    lags = np.arange(decades.shape[2] + 1) - 0.5
    for panel, name, values in zip(
        panels, history.layers, relative.transpose(1, 2, 0), strict=True
    ):
        mesh = panel.pcolormesh(
            edges, lags, values, cmap="RdBu_r", vmin=LIMITS[0], vmax=LIMITS[1], rasterized=True
        )
        panel.set_facecolor("0.85")
        panel.set_ylabel("lag")
        panel.set_title(name, loc="left", fontsize=9.5)
    panels[-1].set_xlabel("optimiser step")
    # in two lines: the bar of a single panel is shorter than the label in one
    label = f"decades of ||{quantity}||\nagainst lag 0"
    figure.colorbar(mesh, ax=list(panels), extend="both", label=label)
    return figure


def save_figure(figure: Figure, trainer: Trainer, tag: str, file: str) -> None:
    """Into the run's `figures/` as PNG, and to TensorBoard's images.

    Args:
        figure: It is drawn once, for both.
        trainer: Knows the run's folder and the loggers.
        tag: TensorBoard's.
        file: Name of the file.
    """
    figure.set_dpi(120)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    image = np.asarray(canvas.buffer_rgba())[..., :3]  # type: ignore[no-untyped-call]
    folder = Path(trainer.default_root_dir) / "figures"
    folder.mkdir(parents=True, exist_ok=True)
    imsave(folder / file, image)
    for writer in displays(trainer):
        writer.add_image(tag, image, trainer.global_step, dataformats="HWC")
