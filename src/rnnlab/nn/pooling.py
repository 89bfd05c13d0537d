"""From the outputs of all steps to one vector a sequence."""

from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnlab.nn.encoded import Encoded

PoolingKind = Literal["last", "mean", "max", "attention"]


class Pooling(nn.Module):
    """The outputs after the whole sequence was read, in either direction.

    Args:
        size: Features O of a step.
    """

    def __init__(self, size: int) -> None:
        super().__init__()

    def forward(self, encoded: Encoded) -> Float[Tensor, "B O"]:
        """One vector a sequence."""
        return encoded.final


class MeanPooling(Pooling):
    """The mean over the real steps."""

    def forward(self, encoded: Encoded) -> Float[Tensor, "B O"]:
        """One vector a sequence."""
        # outputs are zero beyond the lengths
        return encoded.outputs.sum(dim=1) / encoded.lengths.unsqueeze(1)


class MaxPooling(Pooling):
    """The largest value of each feature over the real steps."""

    def forward(self, encoded: Encoded) -> Float[Tensor, "B O"]:
        """One vector a sequence."""
        outputs = encoded.outputs
        # added, not filled in: a sum is one pass over the outputs, and its gradient is none
        floor = outputs.new_zeros(outputs.shape[:2]).masked_fill_(~encoded.mask, float("-inf"))
        return (outputs + floor.unsqueeze(2)).max(dim=1).values


class AttentionPooling(Pooling):
    """A mean weighted by the softmax of each step's product with a learned query.

    The query starts at zero: training starts from the plain mean.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.query = nn.Parameter(torch.zeros(size))

    def weights(self, encoded: Encoded) -> Float[Tensor, "B T"]:
        """Share of each step; zero on padding."""
        scores = encoded.outputs @ self.query
        return scores.masked_fill(~encoded.mask, float("-inf")).softmax(dim=1)

    def forward(self, encoded: Encoded) -> Float[Tensor, "B O"]:
        """One vector a sequence."""
        return (self.weights(encoded).unsqueeze(1).to(encoded.outputs) @ encoded.outputs).squeeze(1)


POOLINGS: dict[PoolingKind, type[Pooling]] = {
    "last": Pooling,
    "mean": MeanPooling,
    "max": MaxPooling,
    "attention": AttentionPooling,
}
"""The module of each choice."""
