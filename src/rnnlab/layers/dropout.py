"""Dropout of sequences: feature by feature, one mask for all steps, or whole steps."""

import torch
from jaxtyping import Float
from torch import Tensor, nn


class LockedDropout(nn.Module):
    """Zeroes features of a sequence, at all of its steps alike (Gal and Ghahramani 2016).

    Kept features are scaled by 1 / (1 - probability).

    Args:
        probability: Of zeroing a feature, at least 0 and below 1.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.p = probability

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """With a mask for each sequence in training, unchanged in evaluation."""
        if not self.training or self.p == 0.0:
            return x
        return x * torch.empty_like(x[:, :1]).bernoulli_(1 - self.p).div_(1 - self.p)


class WordDropout(nn.Module):
    """Zeroes whole steps: all features of a word at once; what is kept is not scaled.

    Args:
        probability: Of zeroing a step, at least 0 and below 1.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.p = probability

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """With some steps zero in training, unchanged in evaluation."""
        if not self.training or self.p == 0.0:
            return x
        return x * torch.empty_like(x[..., :1]).bernoulli_(1 - self.p)
