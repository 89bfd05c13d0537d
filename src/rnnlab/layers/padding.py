"""Masking, gathering and reversing right-padded batches, without a device synchronisation."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rnnlab.data.batch import valid_mask


def zero_padding(
    x: Float[Tensor, "B T D"], lengths: Int[Tensor, "B"] | None
) -> Float[Tensor, "B T D"]:
    """Zero beyond each length, also in place of NaN and infinity.

    Args:
        x: Right-padded sequences.
        lengths: Valid steps of each; None where all are T.
    """
    if lengths is None:
        return x
    # half the time of masked_fill, which copies first
    return torch.where(valid_mask(lengths, x.shape[1]).unsqueeze(2), x, 0.0)


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
    batch, steps = x.shape[:2]
    step = torch.arange(steps, device=x.device)
    mirrored = lengths.unsqueeze(1) - 1 - step
    index = torch.where(mirrored >= 0, mirrored, step)
    index = index + steps * torch.arange(batch, device=x.device).unsqueeze(1)
    return _Reorder.apply(x, index.flatten())  # type: ignore[no-untyped-call, no-any-return]


class _Reorder(torch.autograd.Function):
    """Takes the B T steps in another order, one that is its own inverse.

    Autograd does not know about the inverse: it would scatter gradients (three times as slow, and
    with atomic additions on a GPU) where gathering them is exact.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, index: Tensor) -> Tensor:
        # with `setup_context` torch would inspect the signature at every call, for half the time
        ctx.save_for_backward(index)
        return x.flatten(0, 1).index_select(0, index).view(x.shape)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        return _Reorder.apply(gradient, *ctx.saved_tensors), None  # type: ignore[no-untyped-call]
