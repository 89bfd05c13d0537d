"""The buffer between the instruments and the loggers: one copy from the device for each write."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import torch
from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch import Tensor

from rnnlab.data.batch import Batch
from rnnlab.diagnostics.non_finite import explain_non_finite
from rnnlab.errors import Diverged, counted
from rnnlab.training.module import SequenceModule

Listener = Callable[[Trainer, Mapping[str, float]], None]
"""Called with all scalars of a write, which are on the host by then."""


class Board(Callback):
    """Collects scalars as tensors and writes them to the logger at its intervals.

    Between two writes it adds up the loss on the device; at a write there is one copy from device
    to host for all scalars together. Logging every step would cost as much as a small model's step.

    Key           | Meaning
    train/loss    | mean over the batches since the last write
    train/lr      | learning rate that the writing step had, of the first parameter group
    grad/total    | norm of the whole gradient before clipping, at the writing step
    grad/clipped  | share of optimiser steps since the last write whose gradient was clipped; only
                  | where its norm is clipped, not its single values

    It also watches that the loss is finite: on a CPU for every batch, before the weights are
    touched; on other devices, where looking means waiting, at every write. Where it is not, the
    run ends, the batch is saved, and the first layer that broke is named (`explain_non_finite`).

    Args:
        intervals: Of writes, in optimiser steps: at every multiple of any of them. Those of the
            instruments belong to them, so that what is measured is written with its own step.

    Attributes:
        loss: Mean training loss at the last write, for the progress bar.
        listeners: Are called after each write, in every process, with what was written.
    """

    def __init__(self, intervals: Sequence[int]) -> None:
        self.intervals = intervals
        self.loss: float | None = None
        self.listeners: list[Listener] = []
        self._scalars: dict[str, Tensor | float] = {}
        self._sums: Tensor | None = None
        self._counts = [0, 0]
        self._written_at = -1
        self._batch: tuple[Batch, int] | None = None

    def post(self, scalars: Mapping[str, Tensor | float]) -> None:
        """Add numbers or 0-dimensional tensors to the next write; the last of a key counts."""
        self._scalars.update(scalars)

    def writes(self, trainer: Trainer) -> bool:
        """Whether the board will write at the end of the batch that is ending."""
        step = trainer.global_step
        due = step == 1 or (step > 0 and any(step % every == 0 for every in self.intervals))
        return due and step != self._written_at

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """The step that a resumed run goes on from has been written."""
        self._written_at = trainer.global_step

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Keep the batch: it is saved where its loss is not finite."""
        self._batch = batch, batch_idx

    def on_before_backward(
        self, trainer: Trainer, pl_module: LightningModule, loss: Tensor
    ) -> None:
        """End a run whose loss is not finite, before its weights are not finite either."""
        if loss.device.type == "cpu":
            self._check(trainer, pl_module, float(pl_module.last_loss))  # type: ignore[arg-type]

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Add up; write where it is due."""
        assert isinstance(pl_module, SequenceModule)
        loss = pl_module.last_loss
        assert loss is not None
        self._add(trainer, pl_module, loss)
        if self.writes(trainer):
            self.write(trainer)
            self._written_at = trainer.global_step

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
        """Write all scalars since the last write."""
        if self._sums is None:
            return
        names = list(self._scalars)
        # what was counted on the host joins the others on their device: one copy back for all
        posted = [torch.as_tensor(v).reshape(1).to(self._sums) for v in self._scalars.values()]
        values = torch.cat([self._sums, *posted]).tolist()
        scalars = dict(zip(names, values[2:], strict=True))
        self.loss = scalars["train/loss"] = values[0] / self._counts[0]
        if self._counts[1]:
            scalars["grad/clipped"] = values[1] / self._counts[1]
        module = trainer.lightning_module
        assert isinstance(module, SequenceModule)
        scalars["train/lr"] = module.last_lr
        self._scalars, self._sums, self._counts = {}, None, [0, 0]
        for logger in trainer.loggers:
            logger.log_metrics(scalars, step=trainer.global_step)
        for listener in self.listeners:
            listener(trainer, scalars)
        self._check(trainer, module, self.loss)

    def _check(self, trainer: Trainer, module: SequenceModule, loss: float) -> None:
        finite = math.isfinite(loss)
        if trainer.strategy.reduce_boolean_decision(finite):  # else they stop together
            return
        if finite or self._batch is None:
            raise Diverged(
                "another process's loss is not finite after " + counted(trainer.global_step, "step")
            )
        raise Diverged(explain_non_finite(trainer, module, *self._batch, f"the loss is {loss}"))

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Write what came after the last write."""
        self.write(trainer)


def tensorboards(trainer: Trainer) -> list[Any]:
    """The `SummaryWriter` of each of the run's TensorBoard loggers."""
    return [each.experiment for each in trainer.loggers if isinstance(each, TensorBoardLogger)]


@runtime_checkable
class Display(Protocol):
    """A logger that shows pictures and texts itself; methods as TensorBoard's writer has them."""

    def add_image(self, tag: str, image: Any, step: int, dataformats: str) -> None:
        """Show a picture (H, W, 3)."""

    def add_text(self, tag: str, text: str, global_step: int) -> None:
        """Show a text."""

    def finish(self, final: Mapping[str, Any]) -> None:
        """Keep the final metrics, and end the run."""


def displays(trainer: Trainer) -> list[Any]:
    """What shows pictures and texts of the run: TensorBoard's writers, and other loggers."""
    return [*tensorboards(trainer), *(e for e in trainer.loggers if isinstance(e, Display))]


def board_of(trainer: Trainer) -> Board:
    """The run's board."""
    found: Board = next(c for c in trainer.callbacks if isinstance(c, Board))  # type: ignore[attr-defined]
    return found
