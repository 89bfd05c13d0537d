"""Schedules of the learning rate: one of Transformers, and what a resumed cosine needs."""

import logging
import math
from typing import Any, ClassVar, Literal

from lightning import Trainer
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler

from rnnlab.config.types import PositiveInt

_log = logging.getLogger(__name__)


class InverseSqrtLR(LRScheduler):
    """The rate of step t, counted from 1, is lr * sqrt(w / max(t, w)).

    Vaswani et al. 2017 (arXiv:1706.03762), section 5.3, with a rate of its own in place of
    1 / sqrt(size): w are their warm-up steps, over which the rate rises (`lr_schedule.warmup_steps`
    lets it). It has no end, so that a run may be continued for any number of epochs.

    Args:
        optimizer: What has the rate.
        decay_after: Optimiser steps w after which the rate falls.

    Attributes:
        interval: What it counts.
    """

    interval: ClassVar[Literal["epoch", "step"]] = "step"

    def __init__(self, optimizer: Optimizer, *, decay_after: PositiveInt) -> None:
        self.decay_after = decay_after
        super().__init__(optimizer)

    def get_lr(self) -> list[Any]:
        """The rates of the coming step."""
        share = math.sqrt(self.decay_after / max(self.last_epoch + 1, self.decay_after))
        return [base * share for base in self.base_lrs]


def settle_cosine(
    scheduler: CosineAnnealingLR, period: int, trainer: Trainer, interval: str
) -> None:
    """Let a cosine last for all of the training, and set the rates to where its curve is now.

    Args:
        scheduler: The schedule, as a checkpoint left it.
        period: Its period in the configuration; that of all epochs is counted in `interval`.
        trainer: Knows how long the training is.
        interval: What the schedule counts.
    """
    if interval == "step" and period == trainer.max_epochs:
        period = int(trainer.estimated_stepping_batches)
    if scheduler.T_max == period:
        return
    scheduler.T_max = period
    share = (1 + math.cos(math.pi * scheduler.last_epoch / period)) / 2
    least = scheduler.eta_min
    for group, base in zip(scheduler.optimizer.param_groups, scheduler.base_lrs, strict=True):
        group["lr"] = least + (float(base) - least) * share


def warn_short(warmup_steps: int, trainer: Trainer) -> None:
    """Say so where a training ends before its learning rate is reached."""
    steps = trainer.estimated_stepping_batches
    if steps <= warmup_steps:
        _log.warning(
            "lr_schedule.warmup_steps: %d, of %s steps in all; the rate never reaches optimizer.lr",
            warmup_steps,
            steps,
        )
