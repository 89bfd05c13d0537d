"""Which keys a query sees, and which of them are kept for the steps to come."""

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from rnnlab.data.batch import valid_mask


def key_places(places: Int[Tensor, "*B T"], past: int) -> Int[Tensor, "*B L"]:
    """Places of the past's keys and of these steps' own; below 0 where there is none."""
    steps = places.shape[-1]
    return places[..., :1] - past + torch.arange(past + steps, device=places.device)


def visible(
    places: Int[Tensor, "*B T"],
    past: int,
    lengths: Int[Tensor, "B"] | None,
    *,
    causal: bool,
    window: int | None,
) -> Bool[Tensor, "T L"] | Bool[Tensor, "B 1 _ L"]:
    """Which keys, of the past and of these steps, each query may see.

    Args:
        places: Of these steps, for all sequences or of each.
        past: Keys of the past.
        lengths: Real steps of each sequence; None where all are T.
        causal: None behind its own.
        window: None as far away as that; None for all.
    """
    keys = key_places(places, past)
    distance = places.unsqueeze(-1) - keys.unsqueeze(-2)
    mask = (keys >= 0).unsqueeze(-2)
    if causal:
        mask = mask & (distance >= 0)
    elif lengths is not None:
        mask = mask & valid_mask(lengths, places.shape[-1]).unsqueeze(-2)
    if window is not None:
        mask = mask & (distance.abs() < window)
        mask = mask | (distance == 0)  # padding may see nothing else
    return mask if mask.dim() == 2 else mask.unsqueeze(1)


def kept_keys(
    keys: Float[Tensor, "B N L D"],
    values: Float[Tensor, "B N L D"],
    place: Int[Tensor, "B"],
    lengths: Int[Tensor, "B"] | None,
    *,
    steps: int,
    window: int | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """What the next step needs: keys and values end with each sequence's last step.

    Of a sequence with fewer steps zeros are before.

    Args:
        keys: Of the past and of these steps.
        values: The same.
        place: Of the first of these steps.
        lengths: Real ones of these steps; None for all.
        steps: How many these are, padding included.
        window: Steps that a step sees, with its own; None for all.
    """
    width = keys.shape[2]
    first = 0 if window is None else max(0, width - window + 1)
    if lengths is None:
        return keys[:, :, first:], values[:, :, first:], place + steps
    index = torch.arange(first, width, device=keys.device) - (steps - lengths).unsqueeze(1)
    index = index[:, None, :, None]
    at = index.clamp(min=0).expand(-1, keys.shape[1], -1, keys.shape[3])
    keys, values = (torch.where(index >= 0, part.gather(2, at), 0.0) for part in (keys, values))
    return keys, values, place + lengths
