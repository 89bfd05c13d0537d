"""BLEU of a trained translator by the length of the source."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from sacrebleu.metrics.bleu import BLEU

from lectures.reopened import reopen
from rnnlab.commands.compare.run import LoggedRun
from rnnlab.diagnostics.style import COLOURS, RC

BINS = 5
"""Groups of sentences, each as large."""


@torch.inference_mode()
def bleu_by_length(folder: Path, bins: int = BINS) -> list[tuple[float, float]]:
    """Mean source length and BLEU of each fifth of the test split, the shortest sentences first."""
    model, data = reopen(folder)
    loader = data.test_dataloader()
    references = loader.reference_texts() or []
    lengths: list[int] = []
    hypotheses: list[str] = []
    for batch in loader:
        encoded = model.encoder(batch.inputs, batch.lengths)
        hypotheses += model.task.predict(encoded)
        lengths += batch.lengths.tolist()
    order = np.argsort(lengths, kind="stable")
    scorer = BLEU()
    points = []
    for rows in np.array_split(order, bins):
        answers, wanted = [hypotheses[i] for i in rows], [references[i] for i in rows]
        score = scorer.corpus_score(answers, [wanted]).score
        points.append((float(np.mean([lengths[i] for i in rows])), float(score)))
    return points


def draw(runs: Sequence[LoggedRun], path: Path) -> list[tuple[str, list[tuple[float, float]]]]:
    """One line a run, as PNG; what it shows."""
    import matplotlib as mpl

    lines = []
    with mpl.rc_context(RC):
        figure = Figure(figsize=(5.6, 3.6), layout="constrained")
        axes = figure.subplots()
        for run, colour in zip(runs, COLOURS, strict=False):
            attends = run.config["task.attention"] != "none"
            name = "with attention" if attends else "without"
            points = bleu_by_length(run.folder)
            axes.plot(*zip(*points, strict=True), marker="o", color=colour, label=name)
            lines.append((name, points))
        axes.set_xlabel("source length (tokens, mean of a fifth of the test split)")
        axes.set_ylabel("BLEU")
        axes.set_ylim(bottom=0)
        axes.set_title("The longer the source, the narrower one state is")
        axes.legend()
        figure.savefig(path, dpi=130)
    return lines
