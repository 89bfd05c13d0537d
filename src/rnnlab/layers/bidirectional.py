"""Two one-way layers that read a ragged batch from both ends."""

from typing import TYPE_CHECKING

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnlab.layers.padding import last_valid, reverse_padded

if TYPE_CHECKING:
    from rnnlab.layers.base import Layer


class Bidirectional(nn.Module):
    """A forward and a backward layer (Schuster and Paliwal 1997).

    Args:
        forward_layer: Reads from the first valid step to the last.
        backward_layer: Reads from the last valid step to the first.

    Attributes:
        output_size: Features of a step's output: the forward layer's, then the backward layer's.
    """

    def __init__(self, forward_layer: "Layer", backward_layer: "Layer") -> None:
        super().__init__()
        self.forward_layer = forward_layer
        self.backward_layer = backward_layer
        self.output_size = self.forward_layer.output_size + self.backward_layer.output_size

    def outputs(
        self, x: Float[Tensor, "B T D"], lengths: Int[Tensor, "B"] | None = None
    ) -> Float[Tensor, "B T H"]:
        """Both directions' outputs side by side, zero beyond `lengths`.

        Args:
            x: Inputs, right padded.
            lengths: Real steps of each sequence, at least 1; None where all are T.
        """
        backward = self.backward_layer.outputs(reverse_padded(x, lengths), lengths)
        forward = self.forward_layer.outputs(x, lengths)
        return torch.cat([forward, reverse_padded(backward, lengths)], dim=2)

    def final(
        self, outputs: Float[Tensor, "B T H"], lengths: Int[Tensor, "B"]
    ) -> Float[Tensor, "B H"]:
        """What each direction gave when it had read the whole sequence.

        That is the forward output at the last valid step, and the backward one at the first.
        """
        size = self.forward_layer.output_size
        return torch.cat([last_valid(outputs[..., :size], lengths), outputs[:, 0, size:]], dim=1)
