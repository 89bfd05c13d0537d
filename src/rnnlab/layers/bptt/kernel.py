"""What the three kernels share: how they are called, and how a watcher is called."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from rnnlab.errors import ConfigError
from rnnlab.layers.base import Inputs, Lengths, Result, State
from rnnlab.layers.bptt.layout import Layout, layout_of
from rnnlab.layers.watch import StateGradients, Watcher


def run(
    kernel: Callable[..., tuple[Tensor, ...]],
    x: Inputs,
    lengths: Lengths,
    state: State,
    weights: Sequence[Tensor],
    watcher: Watcher | None = None,
) -> Result:
    """All outputs, zero beyond `lengths`, and the state after each last valid step.

    Not to be called under autocast: a layer switches it off.

    Args:
        kernel: Takes layout, watcher, inputs, the parts of the state and the weights; returns
            the outputs and the parts of the final state.
        x: Inputs, right padded; padding is never read.
        lengths: Real steps of each sequence, at least 1; None where all are T.
        state: State to start from.
        weights: Torch's: input, recurrent, and their biases.
        watcher: Called at the end of the backward pass, if there is one.
    """
    tensors = [x, *state, *weights]
    layout = layout_of(lengths, x.shape[0], x.shape[1])
    outputs, *final = kernel(layout, watcher, *tensors)
    return outputs, tuple(final)


def saved_tensors(ctx: Any) -> tuple[Tensor, ...]:
    """What a kernel saved for its backward pass.

    Raises:
        ConfigError: Second derivatives are asked for, which these kernels do not have.
    """
    if torch.is_grad_enabled():
        raise ConfigError(
            "cell.kernel: bptt gives no second derivatives (create_graph=True); "
            "set cell.kernel=scan for these"
        )
    saved: tuple[Tensor, ...] = ctx.saved_tensors
    return saved


def notify_watcher(ctx: Any, *totals: Float[Tensor, "S H"]) -> None:
    """Give the gradients at all states, of each part of the state, to the kernel's watcher."""
    if ctx.watcher is not None:
        after = tuple(total[ctx.layout.batch :] for total in totals)
        ctx.watcher(StateGradients(after, ctx.layout.unpack))


def flatten(layout: Layout, x: Float[Tensor, "B T D"]) -> Float[Tensor, "N D"]:
    """The real steps of the inputs."""
    inputs = x.new_empty(layout.rows, x.shape[2])
    layout.pack(x, inputs)
    return inputs


def input_gradient(
    layout: Layout, delta: Float[Tensor, "N G"], weight: Float[Tensor, "G D"]
) -> Float[Tensor, "B T D"]:
    """Gradient of the padded inputs, from that of the gates' sums: zero on padding."""
    gradient = delta.new_empty(layout.rows + 1, weight.shape[1])
    torch.mm(delta, weight, out=gradient[:-1])
    gradient[-1] = 0.0
    return layout.unpack(gradient)
