"""Two one-way layers that read a ragged batch from both ends."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnlab.layers.base import CellFactory
from rnnlab.layers.padding import last_valid, reverse_padded

__all__ = ["Bidirectional", "last_valid", "reverse_padded"]


class Bidirectional(nn.Module):
    """One layer that reads ahead and one that reads back (Schuster and Paliwal 1997).

    Args:
        input_size: Features D of a step's input.
        cell: Makes each of the two layers.

    Attributes:
        ahead: Reads from the first valid step to the last.
        back: Reads from the last valid step to the first.
        output_size: Features of a step's output: `ahead`'s, then `back`'s.
    """

    def __init__(self, input_size: int, cell: CellFactory) -> None:
        super().__init__()
        self.ahead = cell(input_size)
        self.back = cell(input_size)
        self.output_size = self.ahead.output_size + self.back.output_size

    def outputs(
        self, x: Float[Tensor, "B T D"], lengths: Int[Tensor, "B"] | None = None
    ) -> Float[Tensor, "B T O"]:
        """Both directions' outputs side by side, zero beyond `lengths`.

        Args:
            x: Inputs, right padded.
            lengths: Real steps of each sequence, at least 1; None where all are T.
        """
        back = self.back.outputs(reverse_padded(x, lengths), lengths)
        return torch.cat([self.ahead.outputs(x, lengths), reverse_padded(back, lengths)], dim=2)

    def final(
        self, outputs: Float[Tensor, "B T O"], lengths: Int[Tensor, "B"]
    ) -> Float[Tensor, "B O"]:
        """What each direction gave when it had read everything.

        That is `ahead`'s output at the last valid step, and `back`'s at the first.
        """
        size = self.ahead.output_size
        return torch.cat([last_valid(outputs[..., :size], lengths), outputs[:, 0, size:]], dim=1)
