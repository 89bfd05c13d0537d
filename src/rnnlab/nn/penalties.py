"""What may be added to a loss to keep a recurrent layer's outputs small and slow."""

from jaxtyping import Float
from torch import Tensor


def activation_l2(outputs: Float[Tensor, "B T O"]) -> Float[Tensor, ""]:
    """Mean square of outputs (Merity et al. 2017, arXiv:1708.01009, "activation regularization").

    Args:
        outputs: Of the last layer, after dropout.
    """
    return outputs.square().mean()


def temporal_l2(raw: Float[Tensor, "B T O"]) -> Float[Tensor, ""]:
    """Mean square of the difference between outputs of neighbouring steps; 0 of a single step.

    ("Temporal activation regularization" of the same paper.)

    Args:
        raw: Outputs of the last layer, before dropout: a mask would make differences of its own.
    """
    changes = raw[:, 1:] - raw[:, :-1]
    return changes.square().sum() / max(1, changes.numel())
