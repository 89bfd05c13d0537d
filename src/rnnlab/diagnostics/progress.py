"""The progress bar."""

import sys
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import TQDMProgressBar

from rnnlab.diagnostics.board import board_of


class Progress(TQDMProgressBar):
    """Lightning's progress bar with the training loss and the monitored metric.

    Both are read where they are known already: showing them costs nothing but, on a GPU, waiting
    once for a validation's result.

    Args:
        monitor: Name of the metric, such as "val/accuracy".
    """

    def __init__(self, monitor: str) -> None:
        super().__init__(refresh_rate=10 if sys.stderr.isatty() else 100)
        self.monitor = monitor
        self._read: tuple[Any, float] = (None, 0.0)  # of a GPU a value is read once, not each time

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """Loss and monitored metric, as far as they are known."""
        board = board_of(trainer)
        shown: dict[str, Any] = {}
        if board.loss is not None:
            shown["loss"] = f"{board.loss:.4f}"
        value = trainer.callback_metrics.get(self.monitor)
        if value is not None:
            if value is not self._read[0]:
                self._read = (value, float(value))
            shown[self.monitor] = f"{self._read[1]:.4f}"
        return shown
