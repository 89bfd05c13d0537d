"""Metrics that torchmetrics has not in this form."""

import math

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torchmetrics import Metric

from rnnlab.data.batch import IGNORE


class UnitMean(Metric):
    """The mean over all units of what is a mean over each batch's units.

    The one of torchmetrics leaves out values that are no numbers, or where it does not, the weights
    (`nan_strategy`, 1.9): here a loss that is not finite in one batch is not finite on the whole. A
    batch without units counts nothing.
    """

    full_state_update = False
    total: Tensor
    units: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("units", torch.tensor(0.0), dist_reduce_fx="sum")

    def update(self, mean: Float[Tensor, ""], units: int | Tensor) -> None:
        """Add a batch: its mean, and its number of units."""
        count = torch.as_tensor(units, device=mean.device).to(self.units.dtype)
        self.total = self.total + torch.where(count > 0, mean * count, 0.0)
        self.units = self.units + count

    def compute(self) -> Tensor:
        """The mean so far; no number where there were no units."""
        return self.total / self.units


class StepAccuracy(Metric):
    """Share of right steps among those that have a target.

    The one of torchmetrics selects the steps first, and a GPU waits for their number.
    """

    full_state_update = False
    higher_is_better = True
    right: Tensor
    steps: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("right", torch.tensor(0), dist_reduce_fx="sum")
        self.add_state("steps", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, predicted: Int[Tensor, "B T"], target: Int[Tensor, "B T"]) -> None:
        """Count a batch; steps whose target is `IGNORE` do not count."""
        self.right = self.right + ((predicted == target) & (target != IGNORE)).sum()
        self.steps = self.steps + (target != IGNORE).sum()

    def compute(self) -> dict[str, Tensor]:
        """`accuracy`, 0 to 1."""
        return {"accuracy": self.right / self.steps.clamp(min=1)}


def language_scores(nll: float, *, characters: bool) -> dict[str, float]:
    """`perplexity` of a mean negative log-likelihood in nats, and of characters `bpc` (bits)."""
    scores = {"perplexity": math.exp(min(nll, 700.0))}  # beyond there is no float
    return scores | {"bpc": nll / math.log(2)} if characters else scores
