"""Where in a recording the letters are: by CTC's alignment, and by attention."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lectures.reopened import reopen
from lectures.tables import metric, option, seconds, table
from rnnlab.commands.compare.run import LoggedRun
from rnnlab.diagnostics.style import RC

SPOKEN = 3
"""Digits of the recording that is drawn."""


class Heard(NamedTuple):
    """One recording, and where a model finds its letters.

    Attributes:
        features: Log-mel energies, normalised (T, 40).
        letters: Of its text.
        step: Seconds of a step of the encoder.
        alignment: Which letter each step emits by CTC, -1 for none (S,).
        attention: Weights of the decoder for each letter (U, S); None without a decoder.
    """

    features: np.ndarray
    letters: list[str]
    step: float
    alignment: np.ndarray
    attention: np.ndarray | None


def speech(runs: Sequence[LoggedRun], folder: Path, title: str) -> list[str]:
    """Error rates of each output, and the figure."""
    heads = ["output", "word error rate", "character error rate", "seconds of training"]
    body = [
        [
            option("task.output")(run),
            metric("test/wer")(run),
            metric("test/cer")(run),
            f"{seconds(run):.0f}",
        ]
        for run in runs
    ]
    picture = f"{title}_letters.png"
    heard = {option("task.output")(run): hear(run) for run in runs if run.record}
    draw(heard, folder / picture)
    return [*table(heads, body), "", f"![Letters over a spectrogram](lecture/{picture})"]


@torch.inference_mode()
def hear(run: LoggedRun) -> Heard:
    """The first test recording with `SPOKEN` digits."""
    model, data = reopen(run.folder)
    vocab = data.spec().target
    for batch in data.test_dataloader():
        encoded = model.encoder(batch.inputs, batch.lengths)
        for row in range(len(batch.lengths)):
            length = int(batch.target_lengths[row]) - 2  # a start and an end are around it
            letters = [vocab.tokens[i] for i in batch.target[row, 1 : 1 + length].tolist()]
            if letters.count(" ") != SPOKEN - 1:
                continue
            frames, steps = int(batch.lengths[row]), int(encoded.lengths[row])
            found = model.task.attention_map(encoded, batch)
            weights = None if found is None else found.weights[row, :length, :steps].numpy()
            return Heard(
                batch.inputs[row, :frames].numpy(),
                letters,
                run.config["data.hop_ms"] / 1000 * run.config["encoder.subsampling"],
                model.task.alignment(encoded, batch)[row, :steps].numpy(),
                weights,
            )
    raise ValueError(f"{run.folder}: no test recording has {SPOKEN} digits")


def draw(heard: dict[str, Heard], path: Path) -> None:
    """Letters over the spectrogram for each model, and below what a decoder attends to, as PNG."""
    attended = {name: each for name, each in heard.items() if each.attention is not None}
    with mpl.rc_context(RC | {"axes.grid": False}):
        heights = [2.0] * len(heard) + [3.6] * len(attended)
        figure = Figure(figsize=(9.0, sum(heights) + 0.6), layout="constrained")
        panels = figure.subplots(
            len(heights), 1, squeeze=False, sharex=True, height_ratios=heights
        )[:, 0]
        for axes, (name, each) in zip(panels, heard.items(), strict=False):
            _spectrogram(axes, each)
            axes.set_title(f"task.output={name}: the letters where CTC aligns them")
        for axes, (name, each) in zip(panels[len(heard) :], attended.items(), strict=True):
            _attention(axes, each)
            axes.set_title(f"task.output={name}: where the decoder looks as it writes each letter")
        panels[-1].set_xlabel("seconds")
        figure.savefig(path, dpi=120)


def _spectrogram(axes: Axes, heard: Heard) -> None:
    end = len(heard.alignment) * heard.step
    mels = heard.features.shape[1]
    axes.imshow(
        heard.features.T, origin="lower", aspect="auto", cmap="Greys", extent=(0, end, 0, mels)
    )
    for place in sorted({int(i) for i in heard.alignment if i >= 0}):
        steps = np.flatnonzero(heard.alignment == place)
        middle = (steps[0] + steps[-1] + 1) / 2 * heard.step
        letter = "␣" if heard.letters[place] == " " else heard.letters[place]
        axes.plot([middle, middle], [0, mels], color="#D55E00", linewidth=0.8)
        axes.text(middle, mels + 1, letter, ha="center", color="#D55E00", weight="bold")
    axes.set_ylim(0, mels * 1.15)  # letters stand above the sound
    axes.set_ylabel("mel band")


def _attention(axes: Axes, heard: Heard) -> None:
    assert heard.attention is not None
    rows, steps = heard.attention.shape
    extent = (0, steps * heard.step, rows - 0.5, -0.5)
    axes.imshow(heard.attention, aspect="auto", cmap="Blues", extent=extent)
    axes.set_yticks(range(rows), ["␣" if letter == " " else letter for letter in heard.letters])
    axes.tick_params(axis="y", labelsize=8, length=0)
