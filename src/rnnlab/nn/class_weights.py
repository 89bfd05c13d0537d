"""How much each class counts in a loss."""

from collections.abc import Sequence
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnlab.config.types import PositiveFloat
from rnnlab.data.batch import IGNORE
from rnnlab.errors import ConfigError, counted, shortened

Weights = Literal["none", "balanced"] | Sequence[PositiveFloat]
"""All the same, rare ones more, or a weight for each class."""


class ClassWeights(nn.Module):
    """Weights of the classes, known when the training data is: see `set_counts`.

    Args:
        chosen: What the option `class_weights` says.
        classes: Their names, in order.
        noun: What they are called, such as "label".
    """

    def __init__(self, chosen: Weights, classes: Sequence[str], noun: str) -> None:
        super().__init__()
        self.chosen = chosen
        self.classes = classes
        self.noun = noun
        self.known: Tensor | None
        self.register_buffer("known", None, persistent=False)

    def set_counts(self, counts: Int[Tensor, "K"]) -> None:
        """Take the number of examples of each class in the training data.

        A balanced weight is n / (K n_k) for n examples of K classes, n_k of them of this class; one
        that does not occur counts as if it did once, and not in K.

        Raises:
            ConfigError: A list of another length than the classes.
        """
        if self.chosen == "none":
            return
        if self.chosen == "balanced":
            self.known = (counts.sum() / (counts > 0).sum() / counts.clamp(min=1)).float()
            return
        if len(self.chosen) != len(self.classes):
            raise ConfigError(
                f"task.class_weights: {counted(len(self.chosen), 'weight')}, but there are "
                f"{counted(len(self.classes), self.noun)}: {shortened(self.classes, 10)}"
            )
        self.known = torch.tensor(self.chosen, dtype=torch.float32)

    def forward(self) -> Float[Tensor, "K"] | None:
        """What `cross_entropy(weight=...)` takes; None where all count the same."""
        if self.known is None and self.chosen != "none":
            raise RuntimeError("class_weights: call set_rival before the loss")
        return self.known

    def total(self, target: Int[Tensor, "*N"]) -> Tensor:
        """The sum of the weights of targets that are not `IGNORE`; without weights their number."""
        weight, real = self(), target != IGNORE
        if weight is None:
            return real.sum()
        return torch.where(real, weight[target.clamp(min=0)], 0.0).sum()

    def remarks(self) -> list[str]:
        """The weights in words; nothing where all count the same."""
        if self.known is None:
            return []
        pairs = zip(self.classes, self.known.tolist(), strict=True)
        named = shortened([f"{name} {weight:.4g}" for name, weight in pairs], 10)
        return [f"weights of the {self.noun}s in the losses: {named}"]
