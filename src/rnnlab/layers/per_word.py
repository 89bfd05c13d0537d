"""A layer without memory, in place of a recurrent one."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnlab.layers.base import Inputs, Lengths, Outputs
from rnnlab.layers.inputs import WatchedInputs
from rnnlab.layers.padding import zero_padding


class PerWord(WatchedInputs):
    """Each step by itself: relu(W x + b), or x as it is; the sequence is their mean.

    Not a `Layer`, as it has no state; it has the methods that a stack of layers calls.

    Args:
        input_size: Features D of a step's input.
        hidden_size: Features H of a step's output; None: the inputs are the outputs.

    Attributes:
        output_size: Features of a step's output.
    """

    def __init__(self, input_size: int, *, hidden_size: int | None) -> None:
        super().__init__()
        self.output_size = hidden_size or input_size
        self.linear = nn.Linear(input_size, hidden_size) if hidden_size else None
        if self.linear is not None:
            nn.init.xavier_uniform_(self.linear.weight)
            nn.init.zeros_(self.linear.bias)

    def outputs(self, x: Inputs, lengths: Lengths = None) -> Outputs:
        """One output a step, zero beyond `lengths`."""
        x = self.viewed()(x)
        return zero_padding(x if self.linear is None else torch.relu(self.linear(x)), lengths)

    def final(self, outputs: Outputs, lengths: Int[Tensor, "B"]) -> Float[Tensor, "B H"]:
        """The mean of `outputs` over the real steps, whatever their order."""
        return outputs.sum(dim=1) / lengths.unsqueeze(1).to(outputs.dtype)
