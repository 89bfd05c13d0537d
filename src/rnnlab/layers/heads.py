"""What the heads of an attention look at, for diagnostics."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@dataclass(frozen=True, slots=True)
class HeadValues:
    """Of each step and head; values have no meaning at padding.

    Attributes:
        entropy: Of the weights, in nats: 0 for one step, log n for n of equal weight.
        limit: The largest possible entropy: log of the number of steps that a step sees.
        distance: Mean number of steps between a step and what it looks at, by weight.
        logit: Largest magnitude of a scaled product of query and key before the softmax.
    """

    entropy: Float[Tensor, "B T N"]
    limit: Float[Tensor, "B T"]
    distance: Float[Tensor, "B T N"]
    logit: Float[Tensor, "B T N"]


def head_values(
    query: Float[Tensor, "B N T D"],
    key: Float[Tensor, "B N L D"],
    visible: Bool[Tensor, "*B _ L"],
    distance: Int[Tensor, "*B T L"],
) -> HeadValues:
    """Compute the weights again, for one sequence after the other: all at once would be B T L.

    Args:
        query: As the products take them, of each head.
        key: The same, of all steps that may be seen.
        visible: Which keys a query sees, at least one each; for all sequences, or of each.
        distance: Steps between them.
    """
    batch, _, steps, features = query.shape
    width = key.shape[2]
    seen = visible.expand(batch, steps, width)
    apart = distance.abs().expand(batch, steps, width)
    rows: list[tuple[Tensor, ...]] = []
    for q, k, mask, far in zip(query, key, seen, apart, strict=True):
        logits = q @ k.transpose(1, 2) / features**0.5
        weights = logits.masked_fill(~mask, float("-inf")).softmax(dim=2)
        entropy = torch.special.entr(weights).sum(dim=2)
        mean = (weights * far).sum(dim=2)
        largest = logits.abs().masked_fill(~mask, 0.0).amax(dim=2)
        rows.append((entropy.T, mask.sum(dim=1).to(q.dtype).log(), mean.T, largest.T))
    return HeadValues(*(torch.stack(part) for part in zip(*rows, strict=True)))


def head_weights(
    size: int, num_heads: int, parts: int
) -> dict[str, list[tuple[str, slice | tuple[slice, slice]]]]:
    """Where each head's weights are, as `Layer.weight_parts` says.

    Args:
        size: Features of all heads.
        num_heads: Heads.
        parts: What is projected together: queries, keys, values.
    """
    each = size // num_heads
    found: dict[str, list[tuple[str, slice | tuple[slice, slice]]]] = {}
    for head in range(num_heads):
        own = slice(head * each, (head + 1) * each)
        rows = [slice(part * size + own.start, part * size + own.stop) for part in range(parts)]
        columns = (slice(None), own)
        found[f"head/{head}"] = [
            *(("in_proj_weight", part) for part in rows),
            ("out_proj_weight", columns),
        ]
    return found
