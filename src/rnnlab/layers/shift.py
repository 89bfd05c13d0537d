"""Sequences of states shifted by a step, and elementwise recurrences over them."""

import torch
from jaxtyping import Float
from torch import Tensor

from rnnlab.layers.base import Outputs


def before(states: Outputs, initial: Float[Tensor, "B H"]) -> Outputs:
    """The state that each step started from, of the states after each step."""
    return torch.cat([initial.unsqueeze(1).to(states.dtype), states[:, :-1]], dim=1)


def add_following_(total: Outputs, values: Outputs) -> Outputs:
    """Add the next step's values to each step; nothing to the last."""
    total[:, :-1] += values[:, 1:]
    return total


def accumulate_(keep: Outputs, add: Outputs, initial: Float[Tensor, "B H"]) -> Outputs:
    """s_t = keep_t s_{t-1} + add_t, elementwise, written into `add`: one operation a step."""
    state = initial
    for factor, step in zip(keep.unbind(1), add.unbind(1), strict=True):
        state = step.addcmul_(factor, state)
    return add


def accumulate_back_(
    keep: Outputs, add: Outputs, final: Float[Tensor, "B H"] | None = None
) -> Outputs:
    """s_t = add_t + keep_{t+1} s_{t+1}, written into `add`; s_T = add_T + `final` (None: 0)."""
    steps, factors = add.unbind(1), keep.unbind(1)
    if final is not None:
        steps[-1].add_(final)
    for t in reversed(range(len(steps) - 1)):
        steps[t].addcmul_(factors[t + 1], steps[t + 1])
    return add
