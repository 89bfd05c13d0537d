"""A learning rate's schedule in a run that is resumed for more epochs."""

import math
from typing import Any

from lightning import Trainer
from torch.optim.lr_scheduler import CosineAnnealingLR


def settle_cosine(scheduler: Any, trainer: Trainer, interval: str) -> int:
    """The period of a cosine schedule, given in epochs and counted in its interval; else 0."""
    if not isinstance(scheduler, CosineAnnealingLR):
        return 0
    if interval == "step" and scheduler.T_max == trainer.max_epochs:
        scheduler.T_max = int(trainer.estimated_stepping_batches)
    return int(scheduler.T_max)


def extend_cosine(scheduler: CosineAnnealingLR, period: int) -> None:
    """Let a cosine schedule last for `period`, and set the rates to where its new curve is now."""
    scheduler.T_max = period
    share = (1 + math.cos(math.pi * scheduler.last_epoch / period)) / 2
    least = scheduler.eta_min
    for group, base in zip(scheduler.optimizer.param_groups, scheduler.base_lrs, strict=True):
        group["lr"] = least + (float(base) - least) * share
