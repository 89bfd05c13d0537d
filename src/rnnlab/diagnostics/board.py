"""One buffer between what is measured and where it is written."""

import math
from collections.abc import Callable, Mapping

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor

from rnnlab.errors import Diverged
from rnnlab.module import SequenceModule

Listener = Callable[[Trainer, Mapping[str, float]], None]
"""Is given all scalars of a write, when they are on the host anyway."""


class Board(Callback):
    """Collects scalars as tensors and writes them to the logger at its own interval.

    Between two writes it adds up the loss on the device; at a write there is one copy from device
    to host for all scalars together. Logging every step would cost as much as a small model's step.

    Key           | Meaning
    train/loss    | mean over the batches since the last write
    train/lr      | learning rate of the first parameter group
    grad/total    | norm of the whole gradient before clipping, at the writing step
    grad/clipped  | share of optimiser steps since the last write whose gradient was clipped

    It also watches that the loss is finite: on a CPU at every step, on other devices, where
    looking means waiting, at every write.

    Args:
        every_n_steps: Interval of writes, in optimiser steps.

    Attributes:
        loss: Mean training loss at the last write, for the progress bar.
        listeners: Are called after each write, in every process, with what was written.
    """

    def __init__(self, *, every_n_steps: int) -> None:
        self.every_n_steps = every_n_steps
        self.loss: float | None = None
        self.listeners: list[Listener] = []
        self._scalars: dict[str, Tensor] = {}
        self._sums: Tensor | None = None
        self._counts = [0, 0]
        self._written_at = -1

    def post(self, scalars: dict[str, Tensor]) -> None:
        """Add 0-dimensional tensors to the next write; the last value of a key counts."""
        self._scalars.update(scalars)

    def due(self, trainer: Trainer, every_n_steps: int) -> bool:
        """Whether the optimiser step that is being made is one to measure at."""
        return (trainer.global_step + 1) % every_n_steps == 0 or trainer.global_step == 0

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: object,
        batch: object,
        batch_idx: int,
    ) -> None:
        """Add up; write where it is due."""
        assert isinstance(pl_module, SequenceModule)
        loss = pl_module.last_loss
        assert loss is not None
        if loss.device.type == "cpu" and not _agreed(trainer, bool(torch.isfinite(loss))):
            raise Diverged(f"the loss is {float(loss)} at step {trainer.global_step}")
        self._add(trainer, pl_module, loss)
        step = trainer.global_step
        if step != self._written_at and (step % self.every_n_steps == 0 or step == 1):
            self.write(trainer)
            self._written_at = step

    def _add(self, trainer: Trainer, module: SequenceModule, loss: Tensor) -> None:
        norm, limit = module.last_norm, trainer.gradient_clip_val
        clipped = torch.zeros_like(loss) if norm is None else (norm > (limit or 0.0)).to(loss)
        added = torch.stack([loss.float(), clipped.float()])
        self._sums = added if self._sums is None else self._sums + added
        self._counts[0] += 1
        self._counts[1] += norm is not None
        if norm is not None:
            self._scalars["grad/total"] = norm
            module.last_norm = None  # counted: the next batch may not end an optimiser step

    def write(self, trainer: Trainer) -> None:
        """Write all scalars since the last write, in one go."""
        if self._sums is None:
            return
        names = list(self._scalars)
        # what was counted on the host joins the others on their device: one copy back for all
        scattered = [value.reshape(1).to(self._sums) for value in self._scalars.values()]
        values = torch.cat([self._sums, *scattered]).tolist()
        scalars = dict(zip(names, values[2:], strict=True))
        self.loss = scalars["train/loss"] = values[0] / self._counts[0]
        if self._counts[1]:
            scalars["grad/clipped"] = values[1] / self._counts[1]
        scalars["train/lr"] = float(trainer.optimizers[0].param_groups[0]["lr"])
        self._scalars, self._sums, self._counts = {}, None, [0, 0]
        for logger in trainer.loggers:
            logger.log_metrics(scalars, step=trainer.global_step)
        for listener in self.listeners:
            listener(trainer, scalars)
        if not _agreed(trainer, math.isfinite(self.loss)):
            raise Diverged(f"the loss is not finite before step {trainer.global_step}")

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write what came after the last write."""
        self.write(trainer)


def _agreed(trainer: Trainer, finite: bool) -> bool:
    """Whether it is finite in all processes: they must stop together."""
    if trainer.world_size == 1:
        return finite
    return bool(trainer.strategy.reduce_boolean_decision(finite, all=True))
