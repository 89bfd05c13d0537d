"""What docs/cells.md shows of each cell: its gradient and its speed, measured.

python scripts/cell_cards.py       a minute; writes docs/cells/measured.json and a picture a cell

**Gradient.** A layer with its default options reads noise; the loss is one random number times each
feature of the last output. Shown is ||dL/dx_t|| at the inputs against the lag T - t, over that at
the last step, the mean of the logarithms over 3 seeds and 32 sequences, before any training.
**Speed.** Forward and backward pass in float32, all cells in turns, one thread.
"""

import json
import os
import statistics
import sys
from datetime import UTC, datetime
from pathlib import Path

import matplotlib as mpl
import torch
from torch import Tensor

from bench.timing import interleave
from rnnlab.commands.compare.style import COLOURS, GREY, RC
from rnnlab.config.files import choices, read_yaml
from rnnlab.config.trust import factory
from rnnlab.layers.base import Layer
from rnnlab.runs.metrics_json import processor

CELLS = Path(__file__).parents[1] / "docs" / "cells"
BATCH, STEPS, SIZE, SEEDS = 32, 100, 128, (1, 2, 3)

IDLE = 0.5
"""A load of the machine before the measurement above which the cards say that it was busy."""


def main() -> int:
    """Measure all, draw all."""
    torch.set_num_threads(1)
    busy = os.getloadavg()[0] > IDLE
    curves = {name: [round(d, 3) for d in decades(name)] for name in choices("cell")}
    layers = {name: made(name) for name in choices("cell")}
    x = torch.randn(BATCH, STEPS, SIZE)
    passes = {name: lambda layer=layer: one_pass(layer, x) for name, layer in layers.items()}
    times = interleave(passes, budget=20.0)
    measured = {
        "machine": f"{processor()}, {os.cpu_count()} cores, one thread",
        "torch": torch.__version__,
        "date": datetime.now(UTC).date().isoformat(),
        "other_work": busy,
        "size": {"B": BATCH, "T": STEPS, "D": SIZE, "seeds": list(SEEDS)},
        "cells": {
            name: {
                "milliseconds": round(1e3 * statistics.median(times[name].times), 1),
                "parameters": sum(p.numel() for p in layers[name].parameters()),
                "decades": curves[name],
            }
            for name in layers
        },
    }
    CELLS.mkdir(exist_ok=True)
    (CELLS / "measured.json").write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")
    for name in curves:
        draw(name, curves)
    return 0


def made(name: str) -> Layer:
    """A cell's layer with its default options."""
    layer: Layer = factory(read_yaml(choices("cell")[name]), [])(SIZE)
    return layer


def one_pass(layer: Layer, x: Tensor) -> None:
    """Forward and backward."""
    outputs, _ = layer(x)
    outputs.sum().backward()


def decades(name: str) -> list[float]:
    """log10 of ||dL/dx_t|| over that of the last step, by lag."""
    curves = []
    for seed in SEEDS:
        torch.manual_seed(seed)
        layer = made(name)
        x = torch.randn(BATCH, STEPS + 1, SIZE, requires_grad=True)
        outputs, _ = layer(x)
        (gradient,) = torch.autograd.grad((outputs[:, -1] @ torch.randn(SIZE)).sum(), x)
        norms = gradient.double().norm(dim=2).log10().mean(dim=0).flip(0)
        curves.append(norms - norms[0])
    mean: list[float] = torch.stack(curves).mean(dim=0).tolist()
    return mean


def draw(name: str, curves: dict[str, list[float]]) -> None:
    """One cell's curve, with those of the others behind it."""
    from matplotlib import pyplot as plt

    with mpl.rc_context(RC):
        figure, axes = plt.subplots(figsize=(6.0, 3.0), layout="constrained")
        for other, curve in curves.items():
            own = other == name
            colour = COLOURS[0] if own else GREY
            line = {"linewidth": 2.4, "zorder": 3} if own else {"linewidth": 0.8, "alpha": 0.6}
            axes.plot(curve, color=colour, **line)
            axes.annotate(
                other, (STEPS, curve[-1]), (4, 0), textcoords="offset points", color=colour,
                va="center", fontweight="bold" if own else "normal", annotation_clip=False,
            )  # fmt: skip
        axes.set_xlim(0, STEPS)
        axes.set_title("Gradient at the inputs, in powers of ten")
        axes.set_xlabel("steps back from the end")
        figure.savefig(CELLS / f"{name}.png", dpi=110, metadata={"Software": None})
        plt.close(figure)


if __name__ == "__main__":
    mpl.use("agg")
    sys.exit(main())
