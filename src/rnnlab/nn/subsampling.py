"""Fewer steps for inputs that are numbers: convolutions in front of the layers."""

from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnlab.layers.padding import zero_padding

Subsampling = Literal[1, 2, 4]
"""Input steps for one step of the layers."""

CHANNELS = 16


class Convolutions(nn.Module):
    """Convolutions over time and features, each of which halves both.

    Each is 3 x 3 with stride 2, one row and column of zeros around it, 16 channels, and a ReLU: n
    steps become ceil(n / 2), and of one step one remains. What they give is flattened. (The
    front end of Watanabe et al. 2018, arXiv:1804.00015, and of most speech recognisers since, with
    fewer channels.) Padding is set to zero in front of each, so that a sequence gives the same
    alone and in a batch.

    Args:
        features: Number of features F of an input step.
        factor: Input steps for one output step, a power of two.

    Attributes:
        output_size: Features of an output step: 16 ceil(F / factor).
    """

    def __init__(self, features: int, factor: int) -> None:
        super().__init__()
        layers, channels = [], 1
        while factor > 1:
            layers.append(nn.Conv2d(channels, CHANNELS, 3, stride=2, padding=1))
            features, factor, channels = -(-features // 2), factor // 2, CHANNELS
        self.layers = nn.ModuleList(layers)
        self.output_size = channels * features

    def forward(
        self, x: Float[Tensor, "B T F"], lengths: Int[Tensor, "B"] | None
    ) -> tuple[Float[Tensor, "B S O"], Int[Tensor, "B"] | None]:
        """The shorter sequences, and how many real steps each of them has.

        Args:
            x: Features, right padded.
            lengths: Real steps of each sequence, at least 1; None where all are T.
        """
        maps = zero_padding(x, lengths).unsqueeze(1)
        for layer in self.layers:
            maps = torch.relu(layer(maps))
            if lengths is not None:
                lengths = (lengths + 1).div(2, rounding_mode="floor")
                steps = zero_padding(maps.transpose(1, 2).flatten(2), lengths)
                maps = steps.view(maps.transpose(1, 2).shape).transpose(1, 2)
        return maps.transpose(1, 2).flatten(2), lengths
