"""Scalars of attention heads: what they look at, and how sharply."""

import torch
from jaxtyping import Bool
from torch import Tensor

from rnnlab.layers.heads import HeadValues


@torch.no_grad()
def head_scalars(prefix: str, values: HeadValues, valid: Bool[Tensor, "B T"]) -> dict[str, Tensor]:
    """The scalars of one layer's heads, 0-dimensional, by board key; see `Saturation`.

    Args:
        prefix: Of the keys, which go on with the number of the head.
        values: Of a forward pass.
        valid: True on the steps that count.
    """
    steps, count = valid.unsqueeze(2), valid.sum()
    entropy, distance = (
        torch.where(steps, part, 0).sum((0, 1), dtype=torch.float32)
        for part in (values.entropy, values.distance)
    )
    limit = torch.where(valid, values.limit, 0).sum(dtype=torch.float32)
    largest = torch.where(steps, values.logit, 0).amax((0, 1)).float()
    result: dict[str, Tensor] = {}
    for head in range(len(entropy)):
        result[f"{prefix}/{head}/entropy"] = entropy[head] / count
        result[f"{prefix}/{head}/evenness"] = torch.where(limit > 0, entropy[head] / limit, 1.0)
        result[f"{prefix}/{head}/distance"] = distance[head] / count
        result[f"{prefix}/{head}/logit"] = largest[head]
    return result
