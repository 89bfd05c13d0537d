"""The mean of the weights over the last part of a training."""

from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn

CURRENT = "current_state_dict"
"""Key of a checkpoint for the weights to train on with, where `state_dict` is their mean."""


class Averaging(Callback):
    """Averages weights over optimiser steps, from when the validation no longer gets better.

    Non-monotonically triggered averaging (Merity et al. 2018, arXiv:1708.02182, algorithm 1; with
    SGD it is their NT-ASGD): it begins after the first validation that is worse than the best one
    more than `patience` validations before it, and does not end. Training goes on with its own
    weights and learning rate. What is validated, saved as `state_dict` in checkpoints, and so
    evaluated, is the mean over all steps since then; before, there is none and nothing is
    different.

    Args:
        monitor: Name of the validation's score.
        mode: Whether a larger or a smaller score is better.
        patience: Validations that it may be no better before averaging begins.
    """

    def __init__(self, monitor: str, *, mode: str, patience: int) -> None:
        self.monitor = monitor
        self.sign = 1.0 if mode == "max" else -1.0
        self.patience = patience
        self._scores: list[float] = []  # higher is better
        self._begun = False
        self._count = 0
        self._mean: list[Tensor] = []
        self._last_step = 0

    def state_dict(self) -> dict[str, Any]:
        """Scores so far, and how many steps are in the mean."""
        return {"scores": self._scores, "begun": self._begun, "count": self._count}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue a resumed run."""
        self._scores = [float(score) for score in state_dict["scores"]]
        self._begun, self._count = bool(state_dict["begun"]), int(state_dict["count"])

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Note the step, so that batches without an optimiser step are told apart."""
        self._last_step = trainer.global_step
        device = pl_module.device
        self._mean = [value.to(device) for value in self._mean]

    @torch.no_grad()
    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Take a step's weights into the mean."""
        stepped, self._last_step = trainer.global_step != self._last_step, trainer.global_step
        if not self._begun or not stepped:
            return
        now: list[Tensor] = [p.detach() for p in pl_module.parameters()]
        if self._count == 0:
            self._mean = [value.clone() for value in now]
        else:
            torch._foreach_lerp_(self._mean, now, 1 / (self._count + 1))
        self._count += 1

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validate the mean, where there is one."""
        self._swap(pl_module)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Go on with the weights; find out whether averaging is to begin."""
        self._swap(pl_module)
        score = self.sign * float(trainer.callback_metrics[self.monitor])
        before = self._scores[: -self.patience] if self.patience else self._scores
        if before and score < max(before):
            self._begun = True
        self._scores.append(score)

    def on_save_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Save the mean as `state_dict`, and the weights beside it."""
        if not self._count:
            return
        means = dict(zip(map(id, pl_module.parameters()), self._mean, strict=True))
        named = {
            name: means[id(parameter)]
            for name, parameter in pl_module.named_parameters(remove_duplicate=False)
        }
        checkpoint[CURRENT] = checkpoint["state_dict"]
        checkpoint["state_dict"] = checkpoint["state_dict"] | named

    def on_load_checkpoint(
        self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Take the mean and the weights from a checkpoint."""
        if CURRENT not in checkpoint:
            return
        self._mean = [
            checkpoint["state_dict"][name].clone() for name, _ in pl_module.named_parameters()
        ]
        pl_module.load_state_dict(checkpoint[CURRENT])

    @torch.no_grad()
    def _swap(self, module: nn.Module) -> None:
        if not self._count:
            return
        for parameter, mean in zip(module.parameters(), self._mean, strict=True):
            former = parameter.detach().clone()
            parameter.copy_(mean)
            mean.copy_(former)
