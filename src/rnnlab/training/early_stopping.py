"""Ends a run when its validation no longer gets better, also a resumed run."""

from typing import Any

from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import EarlyStopping as LightningEarlyStopping


class EarlyStopping(LightningEarlyStopping):
    """Lightning's, with the patience that a resumed run is given instead of the former one.

    A resumed run that had run out of patience trains no further.
    """

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue the count of validations without improvement."""
        super().load_state_dict(state_dict | {"patience": self.patience})

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop before the first batch where that was the last validation's outcome."""
        trainer.should_stop = self.wait_count >= max(1, self.patience)
