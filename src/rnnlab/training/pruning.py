"""Ends a run that is worse than others of its sweep were at the same time."""

import math
from collections.abc import Callable
from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from rnnlab.errors import Pruned


class Pruning(Callback):
    """Reports the monitored metric after each validation, and ends a run that has no hope.

    Args:
        hopeless: Is told the number of the validation, from 1, and the score (higher is better);
            says whether to end.
    """

    def __init__(self, hopeless: Callable[[int, float], bool]) -> None:
        self._hopeless = hopeless
        self._count = 0

    def state_dict(self) -> dict[str, Any]:
        """How many validations there were."""
        return {"count": self._count}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting."""
        self._count = state_dict["count"]

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Report, and end where there is no hope.

        Raises:
            Pruned: There is none.
        """
        self._count += 1
        task: Any = pl_module.task
        found = float(trainer.callback_metrics.get(f"val/{task.monitor}", math.nan))
        score = found if task.mode == "max" else -found
        if math.isfinite(score) and self._hopeless(self._count, score):
            raise Pruned(f"val/{task.monitor} {found:.4f} after validation {self._count}")
