"""What each validation found, from the first to the last."""

from typing import Any, NamedTuple

from lightning import Callback, LightningModule, Trainer


class Validation(NamedTuple):
    """One validation.

    Attributes:
        epoch: In or after which, from 1.
        score: The monitored score, higher is better.
        loss: The mean loss.
    """

    epoch: int
    score: float
    loss: float


class History(Callback):
    """Keeps the validations of a run, a resumed one's as well.

    Args:
        monitor: Name of the score.
        mode: Whether a larger or a smaller score is better.

    Attributes:
        validations: All so far.
    """

    def __init__(self, monitor: str, *, mode: str) -> None:
        self.monitor = monitor
        self.sign = 1.0 if mode == "max" else -1.0
        self.validations: list[Validation] = []

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note a validation."""
        score, loss = (float(trainer.callback_metrics[n]) for n in (self.monitor, "val/loss"))
        self.validations.append(Validation(trainer.current_epoch + 1, self.sign * score, loss))

    def state_dict(self) -> dict[str, Any]:
        """All so far, as plain values."""
        return {"validations": [list(each) for each in self.validations]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue a resumed run."""
        self.validations = [
            Validation(int(epoch), float(score), float(loss))
            for epoch, score, loss in state_dict["validations"]
        ]
