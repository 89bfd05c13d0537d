"""The board writes once for all, hands on what it wrote, and stops a run that diverged."""

import torch
from lightning import Callback

from rnnlab.diagnostics.board import Board
from rnnlab.runs import train
from runs import small_run


class Ear(Callback):
    """Listens to the board, and posts what it measures at the end of each batch."""

    def __init__(self):
        self.heard = []

    def on_train_start(self, trainer, pl_module):
        self.board = next(c for c in trainer.callbacks if isinstance(c, Board))
        self.board.listeners.append(self.hear)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.board.post({"test/step": torch.tensor(float(trainer.global_step))})

    def hear(self, trainer, scalars):
        self.heard.append((trainer.global_step, dict(scalars)))


def test_listeners_hear_what_is_written(tmp_path, monkeypatch):
    ear = Ear()
    real = train.build_callbacks
    monkeypatch.setattr(train, "build_callbacks", lambda *given: [ear, *real(*given)])
    small_run(tmp_path / "run")
    steps = [step for step, _ in ear.heard]
    assert steps == [1, 5, 10, 15, 20]
    # what is measured at the end of a batch is written with that batch
    assert [scalars["test/step"] for _, scalars in ear.heard] == steps
    for _, scalars in ear.heard:
        assert scalars["train/loss"] > 0
        assert all(isinstance(value, float) for value in scalars.values())


def test_instruments_stand_before_the_board(tmp_path, monkeypatch):
    """Else what they measure at the end of a batch would be written with a later one."""
    kept = []
    real = train.build_callbacks
    monkeypatch.setattr(
        train, "build_callbacks", lambda *given: kept.extend(real(*given)) or list(kept)
    )
    small_run(tmp_path / "run", "diagnostics=full", "diagnostics.projector=null")
    names = [type(each).__name__ for each in kept]
    assert {"WeightFlow", "Samples"} <= set(names[: names.index("Board")])
