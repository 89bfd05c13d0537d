"""The only LightningModule: trains an encoder with a task on top of it."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import torch
from lightning import LightningModule
from lightning.pytorch.core.optimizer import LightningOptimizer
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, ReduceLROnPlateau

from rnnlab.data.batch import Batch
from rnnlab.data.spec import Split
from rnnlab.errors import Diverged
from rnnlab.nn.encoded import Encoded
from rnnlab.nn.encoder import Encoder
from rnnlab.nn.metrics import UnitMean
from rnnlab.training.convert import KEY, convert
from rnnlab.training.observers import Observers
from rnnlab.training.processes import UnitShare, gather, several
from rnnlab.training.random_state import random_state, set_random_state
from rnnlab.training.restored import check_optimizer, check_schedule
from rnnlab.training.schedule import settle_cosine, warn_short
from rnnlab.training.tbptt import TruncatedBPTT

if TYPE_CHECKING:  # a task is used by its methods alone
    from rnnlab.tasks.base import Task


class SequenceModule(LightningModule):
    """Training, validation and test steps, optimiser, clipping and what a checkpoint holds.

    Nothing is logged from the training step: callbacks read `last_loss` and `last_norm` (tensors,
    no device synchronisation) at their own intervals.

    Args:
        encoder: Makes `Encoded` of a batch.
        task: Makes losses, metrics and predictions of `Encoded`.
        optimizer: From parameters to an optimiser.
        scheduler: From the optimiser to a scheduler; None for none.
        interval: When the scheduler steps; one that looks at the validation loss, once an epoch.
        warmup_steps: Optimiser steps over which the learning rate rises to that of the scheduler.
        stamp: What a checkpoint needs to explain itself (`rnnlab.training.checkpoint.stamp`).

    Attributes:
        last_loss: Loss of the last training batch, detached.
        last_lr: Learning rate that the last optimiser step had, of the first parameter group.
        last_norm: Total gradient norm before clipping at the last optimiser step, detached; None
            where nothing is clipped.
        observers: Of the next training step.
        restoring: Whether an error may come from the checkpoint of a run that is resumed: until an
            optimiser step was made with its state, and not while the model or the data is at work.
    """

    def __init__(
        self,
        encoder: Encoder,
        task: "Task",
        *,
        optimizer: Callable[[Iterator[nn.Parameter]], Optimizer],
        scheduler: Callable[[Optimizer], Any] | None,
        stamp: Mapping[str, Any],
        interval: Literal["epoch", "step"] = "epoch",
        warmup_steps: int = 0,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.task = task
        self.last_loss: Tensor | None = None
        self.last_lr = math.nan
        self.last_norm: Tensor | None = None
        self.observers = Observers()
        self.restoring = False
        self._make_optimizer = optimizer
        self._make_scheduler = scheduler
        self._stamp = dict(stamp)
        self._interval = interval
        self._warmup_steps = warmup_steps
        self._mean_loss = UnitMean()
        self._tbptt = TruncatedBPTT()
        self._random_states: list[dict[str, Tensor]] = []
        self._period = 0
        self._new_schedule: dict[str, Any] = {}
        self._rate = 1.0

    @contextmanager
    def _own_errors(self) -> Iterator[None]:
        """What fails here is no fault of a checkpoint, unless its states of streams are read."""
        try:
            yield
        except Exception:
            self.restoring &= self._tbptt.restored
            raise

    def forward(self, batch: Batch) -> Encoded:
        """Encode a batch by itself, whatever it continues."""
        encoded: Encoded = self.encoder(batch.inputs, batch.lengths, batch.words)
        return encoded

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The loss of one batch, weighted so that an optimiser step takes its batches' mean.

        What several processes read at once counts as one batch: all its targets count the same.
        """
        share = UnitShare(self.task.units(batch), self.device) if several() else None
        used = batch if share is None else share.usable(batch)
        loss = self.observers.around(
            lambda: self.task.loss(self._tbptt.encode(self.encoder, used), used)
        )
        self.last_loss = loss.detach()
        loss = loss if share is None else share.weigh(loss)
        self._rate = self.task.rate(batch)
        whole = self.trainer.accumulate_grad_batches
        step = min(whole, self.trainer.num_training_batches - batch_idx // whole * whole)
        # Lightning divides by `whole`, at the end of an epoch too
        return loss if step == whole else loss * (whole / step)

    @property
    def _split(self) -> Split:
        return "test" if self.trainer.testing else "val"

    def on_validation_epoch_start(self) -> None:
        """Tell the task what is evaluated."""
        test, trainer = self._split == "test", self.trainer
        loader = trainer.test_dataloaders if test else trainer.val_dataloaders
        self.task.start(self._split, loader.reference_texts())  # type: ignore[union-attr]

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add a batch to the running loss and metrics."""
        with self._own_errors():
            encoded = self._tbptt.encode(self.encoder, batch)
            self._mean_loss.update(self.task.loss(encoded, batch), self.task.units(batch))
            self.task.update(encoded, batch)

    def on_validation_epoch_end(self) -> None:
        """Log the split's loss and metrics, once."""
        split = self._split
        results = {"loss": float(self._mean_loss.compute()), **self.task.compute()}
        self._mean_loss.reset()
        if split == "val" and not math.isfinite(results["loss"]):
            raise Diverged(f"the validation loss is {results['loss']}")
        named = {f"{split}/{name}": value for name, value in results.items()}
        # the same in all processes already; Lightning wants to hear that it may average them
        self.log_dict(named, sync_dist=self.trainer.world_size > 1, logger=False)
        for logger in self.loggers:  # Lightning would write them with the step before
            logger.log_metrics({**named, "epoch": self.current_epoch}, step=self.global_step)

    on_test_epoch_start = on_validation_epoch_start
    test_step = validation_step
    on_test_epoch_end = on_validation_epoch_end

    def configure_optimizers(self) -> Any:
        """The optimiser over all trainable parameters, and the scheduler if there is one."""
        optimizer = self._make_optimizer(p for p in self.parameters() if p.requires_grad)
        if self._make_scheduler is None:
            return optimizer
        scheduler = self._make_scheduler(optimizer)
        self._period = int(getattr(scheduler, "T_max", 0))
        self._new_schedule = scheduler.state_dict()
        # one that looks at a metric is stepped by `on_train_epoch_end` alone
        settings = {"scheduler": scheduler, "interval": self._interval, "reduce_on_plateau": False}
        return {"optimizer": optimizer, "lr_scheduler": settings}

    def lr_scheduler_step(self, scheduler: Any, metric: Any | None) -> None:
        """Step a scheduler, but not one that looks at a metric: see `on_train_epoch_end`."""
        if not isinstance(scheduler, ReduceLROnPlateau):
            super().lr_scheduler_step(scheduler, metric)

    def on_train_epoch_end(self) -> None:
        """Step a scheduler that looks at the validation loss.

        Lightning would skip that step in an epoch that was resumed in its middle.
        """
        scheduler = self.lr_schedulers()
        if isinstance(scheduler, ReduceLROnPlateau) and "val/loss" in self.trainer.callback_metrics:
            scheduler.step(self.trainer.callback_metrics["val/loss"])

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Optimizer | LightningOptimizer,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        """Lightning's step, at the rate that the task asks for after the batch just seen.

        With scaled losses (fp16) gradients are unscaled first: a fused optimiser would do that
        inside its step, after clipping and measuring.
        """
        scaler = getattr(self.trainer.precision_plugin, "scaler", None)
        inner = optimizer.optimizer if isinstance(optimizer, LightningOptimizer) else optimizer
        fused = getattr(inner, "_step_supports_amp_scaling", False)
        rates = [group["lr"] for group in inner.param_groups]
        warmup = min(1.0, (self.trainer.global_step + 1) / max(1, self._warmup_steps))

        def closure() -> Any:
            assert optimizer_closure is not None
            with self._own_errors():
                loss = optimizer_closure()
            if scaler is not None and fused:
                scaler.unscale_(inner)
            for group, rate in zip(inner.param_groups, rates, strict=True):
                group["lr"] = rate * self._rate * warmup
            self.last_lr = rates[0] * self._rate * warmup
            return loss

        try:
            super().optimizer_step(epoch, batch_idx, optimizer, closure)
            self.restoring = False
        finally:
            for group, rate in zip(inner.param_groups, rates, strict=True):
                group["lr"] = rate

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: int | float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Clip, and keep the norm before clipping: computed once, after unscaling."""
        if gradient_clip_val and gradient_clip_algorithm == "value":
            # not Lightning's: it refuses fused optimisers with scaled losses, see `optimizer_step`
            torch.nn.utils.clip_grad_value_(self.parameters(), gradient_clip_val)
        elif gradient_clip_val:
            self.last_norm = torch.nn.utils.clip_grad_norm_(self.parameters(), gradient_clip_val)

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Add config and spec as plain dicts, states of streams and of the random numbers."""
        checkpoint[KEY] = dict(self._stamp)
        checkpoint["random_states"] = gather(random_state(self.device))
        checkpoint["carried_states"] = self._tbptt.state_dict()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Convert an older checkpoint, which Lightning has read; continue the streams.

        The random state is kept for `on_train_start`: building uses random numbers.
        """
        self.restoring = True
        checkpoint.update(convert(checkpoint))
        former = checkpoint.get("torch_rng_state")  # of versions up to 0.2: of one process
        self._random_states = checkpoint.get(
            "random_states", [] if former is None else [{"cpu": former}]
        )
        if "carried_states" in checkpoint:  # older ones have none
            self._tbptt.load_state_dict(checkpoint["carried_states"], self.global_rank)

    def on_train_start(self) -> None:
        """Continue the random numbers of a resumed run, and a schedule that now lasts longer.

        Of several processes each has random numbers of its own from here on.

        Not earlier: to count the steps of a training before its state is restored would leave the
        data loader at the start of the epoch.
        """
        for optimizer in self.trainer.optimizers:
            check_optimizer(optimizer)
        scheduler: Any = self.lr_schedulers()
        if scheduler is not None:
            check_schedule(scheduler.state_dict(), self._new_schedule)
        if isinstance(scheduler, CosineAnnealingLR):  # a checkpoint brought its own period
            settle_cosine(scheduler, self._period, self.trainer, self._interval)
        if self._warmup_steps:
            warn_short(self._warmup_steps, self.trainer)
        set_random_state(self._random_states, self.global_rank, self.device)
        self._random_states = []
