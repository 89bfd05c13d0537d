"""A figure of which class was taken for which."""

import numpy as np
from matplotlib.figure import Figure

from rnnlab.nn.class_report import ClassReport

WRITTEN, DRAWN = 20, 60
"""Classes up to which counts are written into the cells, and that are drawn at all."""


def plot_confusion(report: ClassReport) -> Figure | None:
    """Shares of each true class (a row) by what was predicted; None without a matrix.

    Of many classes the most frequent ones are drawn.
    """
    if report.confusion is None:
        return None
    counts = np.array(report.confusion, dtype=np.int64)
    seen = np.flatnonzero(counts.sum(1) + counts.sum(0))
    frequent = seen[np.argsort(-counts.sum(1)[seen], kind="stable")[:DRAWN]]
    chosen = np.sort(frequent)
    if not len(chosen):
        return None
    totals = counts.sum(1)[chosen]
    counts = counts[np.ix_(chosen, chosen)]
    shares = counts / np.maximum(totals, 1)[:, None]
    size = 2.6 + 0.34 * len(chosen)
    figure = Figure(figsize=(size + 1.2, size), layout="constrained")
    axes = figure.subplots()
    mesh = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    names = [report.steps[at][:20].replace("$", r"\$") for at in chosen]
    places = np.arange(len(chosen))
    axes.set_xticks(places, names, rotation=90, fontsize=8)
    axes.set_yticks(places, names, fontsize=8)
    if len(chosen) <= WRITTEN:
        for (row, column), count in np.ndenumerate(counts):
            colour = "white" if shares[row, column] > 0.5 else "black"
            text = f"{count}" if count < 10_000 else f"{count / 1000:.0f}k"
            axes.text(column, row, text, ha="center", va="center", fontsize=7, color=colour)
    what = "steps by type" if report.what == "entity" else f"{report.what}s"
    axes.set_title(f"test: {what}", loc="left", fontsize=10.5)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    figure.colorbar(mesh, ax=axes, label="share of the true class", shrink=0.8)
    return figure
