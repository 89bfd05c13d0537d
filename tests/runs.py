"""Small runs for tests: composed as the command line does, run in process."""

from pathlib import Path
from typing import Any

import torch
from lightning import Callback
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rnnlab.config.compose import compose_words
from rnnlab.errors import Interrupted
from rnnlab.runs.finish import Outcome
from rnnlab.runs.train import run

SMALL = [
    "task=delayed_recall",
    "data.lag=4",
    "data.train_size=320",
    "data.val_size=64",
    "data.test_size=64",
    "data.batch_size=32",
    "cell.hidden_size=16",
    "embedding.embedding_dim=8",
    "trainer.max_epochs=2",
    "trainer.accelerator=cpu",
    "trainer.enable_progress_bar=false",
    "trainer.log_every_n_steps=5",
    "logger=none",
]
CELLS_SHOWN = ("lstm", "gru")
"""Cells of the runs that are looked at in a browser."""


def small_run(folder: Path, *words: str) -> Outcome:
    """A run of about a second on the CPU; later words win."""
    composed = compose_words("train", merged([*SMALL, *words]))
    return run(composed.cfg, composed.choices, folder)


def merged(words: list[str]) -> list[str]:
    """Of several overrides of one key the last."""
    return list({word.partition("=")[0].lstrip("+"): word for word in words}.values())


def weights(file: Path) -> dict[str, Any]:
    """The parameters in a checkpoint."""
    from rnnlab.training.checkpoint import load_plain

    state: dict[str, Any] = load_plain(file)["state_dict"]
    return state


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """All that was logged: tag -> [(step, value)]."""
    board = EventAccumulator(str(folder))
    board.Reload()
    tags = board.Tags()["scalars"]
    return {tag: [(point.step, point.value) for point in board.Scalars(tag)] for tag in tags}


class StopAt(Callback):
    """Ends a run in the middle of an epoch, in the middle of an accumulation."""

    def __init__(self, batch: int, epoch: int) -> None:
        self.at = (epoch, batch)

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if (trainer.current_epoch, batch_idx) == self.at:
            raise Interrupted


def equal(one: Path, two: Path) -> None:
    """Assert that two checkpoints hold the same weights, bit for bit."""
    a, b = weights(one), weights(two)
    assert a.keys() == b.keys()
    assert a
    for name, value in a.items():
        assert torch.equal(value, b[name]), name
