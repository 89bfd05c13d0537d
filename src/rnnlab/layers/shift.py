"""Sequences of states, one step on or one step back, and the elementwise recurrence over them."""

import torch
from jaxtyping import Float
from torch import Tensor


def before(states: Float[Tensor, "B T H"], initial: Float[Tensor, "B H"]) -> Float[Tensor, "B T H"]:
    """Of those after each step, the state that each step started from."""
    return torch.cat([initial.unsqueeze(1).to(states.dtype), states[:, :-1]], dim=1)


def following(values: Float[Tensor, "B T H"], last: float = 0.0) -> Float[Tensor, "B T H"]:
    """At each step the value of the next one, and `last` at the last."""
    return torch.cat([values[:, 1:], torch.full_like(values[:, :1], last)], dim=1)


def accumulate(
    keep: Float[Tensor, "B T H"], add: Float[Tensor, "B T H"], initial: Float[Tensor, "B H"]
) -> Float[Tensor, "B T H"]:
    """s_t = keep_t s_{t-1} + add_t, elementwise; a loop of one operation a step."""
    states = add.transpose(0, 1).contiguous()
    for state, factor in zip(states, keep.transpose(0, 1).contiguous(), strict=True):
        initial = state.addcmul_(factor, initial)
    return states.transpose(0, 1)


def accumulate_back(
    keep: Float[Tensor, "B T H"],
    add: Float[Tensor, "B T H"],
    final: Float[Tensor, "B H"] | None = None,
) -> Float[Tensor, "B T H"]:
    """s_t = add_t + keep_{t+1} s_{t+1}, and s_T = add_T + `final` (None for zero)."""
    start = torch.zeros_like(add[:, 0]) if final is None else final
    factors = following(keep, last=1.0)
    return accumulate(factors.flip(1), add.flip(1), start).flip(1)
