"""A learning rate's schedule in a run that is resumed for more epochs."""

import math

from torch.optim.lr_scheduler import CosineAnnealingLR


def extend_cosine(scheduler: CosineAnnealingLR, period: int) -> None:
    """Let a cosine schedule last for `period`, and set the rates to where its new curve is now."""
    scheduler.T_max = period
    share = (1 + math.cos(math.pi * scheduler.last_epoch / period)) / 2
    least = scheduler.eta_min
    for group, base in zip(scheduler.optimizer.param_groups, scheduler.base_lrs, strict=True):
        group["lr"] = least + (float(base) - least) * share
