"""Dropout of sequences: of a feature at all steps, of whole steps, or of whole types of token.

The probability `p` is at least 0 and below 1. All rest in evaluation mode.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn


class LockedDropout(nn.Dropout):
    """Zeroes features of a sequence, the same ones at all of its steps (Gal and Ghahramani 2016).

    Kept features are scaled by 1 / (1 - p).
    """

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """With a mask for each sequence."""
        if not self.training or self.p == 0.0:
            return x
        return x * torch.empty_like(x[:, :1]).bernoulli_(1 - self.p).div_(1 - self.p)


class WordDropout(nn.Dropout):
    """Zeroes whole steps: all features of a word at once; kept words are not scaled."""

    def forward(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T D"]:
        """With some steps zero."""
        if not self.training or self.p == 0.0:
            return x
        return x * torch.empty_like(x[..., :1]).bernoulli_(1 - self.p)


class TypeDropout(nn.Dropout):
    """Zeroes types of token: all features of a token, wherever it stands in the batch.

    The same as dropping rows of the embedding's table for a batch (Gal and Ghahramani 2016, section
    4.2; "embedding dropout" in Merity et al. 2018, arXiv:1708.02182). Kept types are scaled by
    1 / (1 - p).

    Args:
        p: Probability of zeroing a type.
        types: Number of types.
    """

    def __init__(self, p: float, types: int) -> None:
        super().__init__(p)
        self.types = types

    def forward(self, x: Float[Tensor, "B T D"], ids: Int[Tensor, "B T"]) -> Float[Tensor, "B T D"]:  # type: ignore[override]
        """With some types zero."""
        if not self.training or self.p == 0.0:
            return x
        mask = x.new_empty(self.types).bernoulli_(1 - self.p).div_(1 - self.p)
        return x * mask[ids].unsqueeze(-1)
