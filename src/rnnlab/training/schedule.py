"""A learning rate's schedule in a run that is resumed for more epochs."""

import math

from torch.optim.lr_scheduler import CosineAnnealingLR


def extend_cosine(scheduler: CosineAnnealingLR, epochs: int) -> None:
    """Let a cosine schedule last for `epochs`, and set the rates to where its new curve is now."""
    scheduler.T_max = epochs
    share = (1 + math.cos(math.pi * scheduler.last_epoch / epochs)) / 2
    least = scheduler.eta_min
    for group, base in zip(scheduler.optimizer.param_groups, scheduler.base_lrs, strict=True):
        group["lr"] = least + (float(base) - least) * share
