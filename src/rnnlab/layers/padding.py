"""Indexing of right-padded batches, without a device synchronisation."""

import torch
from jaxtyping import Float, Int
from torch import Tensor


def last_valid(outputs: Float[Tensor, "B T H"], lengths: Int[Tensor, "B"]) -> Float[Tensor, "B H"]:
    """The output at each sequence's last valid step; `outputs[:, -1]` would be padding."""
    index = (lengths - 1).view(-1, 1, 1).expand(-1, 1, outputs.shape[2])
    return outputs.gather(1, index).squeeze(1)


def reverse_padded(
    x: Float[Tensor, "B T D"], lengths: Int[Tensor, "B"] | None
) -> Float[Tensor, "B T D"]:
    """Each sequence's valid steps in reverse order; padding stays in place.

    Applied twice it gives `x` again.

    Args:
        x: Right-padded sequences.
        lengths: Valid steps of each; None where all are T.
    """
    if lengths is None:
        return x.flip(1)
    steps = torch.arange(x.shape[1], device=x.device)
    mirrored = lengths.unsqueeze(1) - 1 - steps
    index = torch.where(mirrored >= 0, mirrored, steps)
    return x.gather(1, index.unsqueeze(2).expand_as(x))
