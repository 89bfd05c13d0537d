"""Places of steps as rotations and as vectors."""

import torch
from jaxtyping import Float, Int
from torch import Tensor

BASE = 10_000.0
"""Of the wavelengths, from 2 pi to 2 pi BASE steps."""


def _angles(places: Tensor, count: int, dtype: torch.dtype) -> Tensor:
    """Angles (..., count) of places: falling geometrically from the place itself."""
    precise = torch.promote_types(dtype, torch.float32)
    powers = torch.arange(count, device=places.device, dtype=precise) / count
    return places.unsqueeze(-1).to(precise) * BASE**-powers


def rotated(
    x: Float[Tensor, "*_ B N T D"], places: Int[Tensor, "T"] | Int[Tensor, "B T"]
) -> Float[Tensor, "*_ B N T D"]:
    """Features i and i + D/2 rotated by place * 10000^(-2i/D) (arXiv:2104.09864, eq. 34).

    Pairs are halves apart, as in GPT-NeoX and Llama. Products of two rotated vectors depend on
    their distance alone.

    Args:
        x: Queries or keys of N heads, or both at once; D is even.
        places: Of the steps, the same for all heads.
    """
    angles = _angles(places, x.shape[-1] // 2, x.dtype)
    angles = angles if places.dim() == 1 else angles.unsqueeze(1)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    first, second = x.chunk(2, dim=-1)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


def sinusoids(places: Int[Tensor, "*B T"], size: int) -> Float[Tensor, "*B T D"]:
    """Sines and cosines of places, interleaved (Vaswani et al. 2017, section 3.5); float64.

    Args:
        places: Of the steps.
        size: Features D.
    """
    angles = _angles(places, (size + 1) // 2, torch.float64)
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)[..., :size]
