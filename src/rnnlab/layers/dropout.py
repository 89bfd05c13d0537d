"""Dropout of sequences: a feature at all steps alike, whole steps, or whole types of token."""

import torch
from jaxtyping import Float, Int
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


class TypeDropout(nn.Module):
    """Zeroes types of token: all features of a token, wherever it stands in the batch.

    The same as dropping rows of the embedding's table for a batch (Gal and Ghahramani 2016, section
    4.2; "embedding dropout" in Merity et al. 2018, arXiv:1708.02182). Kept types are scaled by
    1 / (1 - probability).

    Args:
        probability: Of zeroing a type, at least 0 and below 1.
        types: Number of types that there are.
    """

    def __init__(self, probability: float, types: int) -> None:
        super().__init__()
        self.p = probability
        self.types = types

    def forward(self, x: Float[Tensor, "B T D"], ids: Int[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        """With some types zero in training, unchanged in evaluation."""
        if not self.training or self.p == 0.0:
            return x
        mask = x.new_empty(self.types).bernoulli_(1 - self.p).div_(1 - self.p)
        return x * mask[ids].unsqueeze(-1)
