"""Progress of a training: a bar on a terminal, a line an epoch in a log file."""

import sys
import time
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import TQDMProgressBar

from rnnlab.diagnostics.board import board_of

EVERY = 120.0
"""Seconds between two lines within an epoch."""


class Progress(TQDMProgressBar):
    """Lightning's progress bar with the training loss and the monitored metric.

    Where the output is no terminal there is no bar, but a line at the end of each epoch, and in a
    long epoch one every few minutes. It has no colours, so that `NO_COLOR` is met. Loss and
    metric are known already: on a GPU, showing them waits once for a validation's result.

    Args:
        monitor: Name of the metric, such as "val/accuracy".
    """

    def __init__(self, monitor: str) -> None:
        super().__init__(refresh_rate=10 if sys.stdout.isatty() else 0)  # 0: no bar
        self.monitor = monitor
        self._read: tuple[Any, float] = (None, 0.0)  # of a GPU a value is read once, not each time
        self._started = self._told = 0.0

    def on_train_epoch_start(self, trainer: Trainer, *given: Any) -> None:
        """Take the time."""
        super().on_train_epoch_start(trainer, *given)
        self._started = self._told = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, index: int
    ) -> None:
        """Write a line in the middle of a long epoch, where there is no bar."""
        super().on_train_batch_end(trainer, pl_module, outputs, batch, index)
        now = time.perf_counter()
        if self.refresh_rate == 0 and trainer.is_global_zero and now - self._told > EVERY:
            self._told = now
            total = trainer.num_training_batches
            done = f"{index + 1:,} of {total:,} batches" if total < float("inf") else ""
            values = [
                f"{name} {value}" for name, value in self.get_metrics(trainer, pl_module).items()
            ]
            said = ", ".join([*filter(None, [done]), *values, f"{now - self._started:.0f} s"])
            print(f"in epoch {trainer.current_epoch + 1}: {said}", flush=True)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write the line of the epoch, where there is no bar."""
        super().on_train_epoch_end(trainer, pl_module)
        if self.refresh_rate == 0 and trainer.is_global_zero:
            epochs = f" of {trainer.max_epochs}" if (trainer.max_epochs or -1) > 0 else ""
            metrics = self.get_metrics(trainer, pl_module)
            values = "".join(f"{name} {value}, " for name, value in metrics.items())
            seconds = time.perf_counter() - self._started
            print(
                f"epoch    {trainer.current_epoch + 1}{epochs}: {values}{seconds:.1f} s", flush=True
            )

    def get_metrics(self, trainer: Trainer, pl_module: LightningModule) -> dict[str, Any]:
        """Loss and monitored metric, as far as they are known."""
        board = board_of(trainer)
        metrics: dict[str, Any] = {}
        if board.loss is not None:
            metrics["loss"] = f"{board.loss:.4f}"
        value = trainer.callback_metrics.get(self.monitor)
        if value is not None:
            if value is not self._read[0]:
                self._read = (value, float(value))
            metrics[self.monitor] = f"{self._read[1]:.4f}"
        return metrics
