"""Gradients at all states of a layer that is torch's own kernel, which does not show them.

Columns of zeros are appended to the input, and a block to the input weights. The outputs do not
change, and the gradient of the zeros is what flows through the recurrence: with the recurrent
weights W_hh as the block, that of step t + 1 is delta_{t+1} W_hh, where delta is the gradient of
the gates' sums. Together with the direct part, the gradient of output t, that is all of dL/dh_t of
an RNN or LSTM; a GRU's and dL/dc_t follow from the gates by an elementwise scan.
"""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.autograd import Function

from rnnlab.layers.padding import last_valid, zero_padding
from rnnlab.layers.trace import Trace
from rnnlab.layers.watch import StateGradients, Watcher

State = tuple[Tensor, ...]


@runtime_checkable  # for the tests, which check types as they go
class GhostInputLayer(Protocol):
    """What a layer has to know about itself."""

    def widened(self, columns: Float[Tensor, "G K"]) -> list[Tensor]:
        """Its weights in torch's order, with more input columns."""

    def kernel_inputs(
        self, x: Float[Tensor, "B T D"], lengths: Int[Tensor, "B"] | None
    ) -> tuple[Float[Tensor, "B T E"], Float[Tensor, "G K"]]:
        """What its kernel reads so that final states are right, and the columns for that."""

    def run_kernel(
        self, x: Float[Tensor, "B T E"], state: State, weights: list[Tensor]
    ) -> tuple[Float[Tensor, "B T H"], State]:
        """Torch's kernel."""

    def ghost_block(self) -> Float[Tensor, "G K"]:
        """Input weights of the zeros."""

    def total_gradients(
        self,
        trace: Trace,
        direct: Float[Tensor, "B T H"],
        ghost: Float[Tensor, "B T K"],
        final: tuple[Tensor | None, ...],
    ) -> tuple[Float[Tensor, "B T H"], ...]:
        """The gradients at all states, of the direct ones, the zeros' and the final parts'."""

    def precise(self, *tensors: Tensor) -> list[Tensor]:
        """In the weights' dtype."""

    def parameters(self) -> Any:
        """Of `nn.Module`."""


def run(
    layer: GhostInputLayer,
    watcher: Watcher,
    x: Float[Tensor, "B T D"],
    lengths: Int[Tensor, "B"] | None,
    state: State,
    *,
    final: bool,
) -> tuple[Float[Tensor, "B T H"], State]:
    """`Layer.forward` by torch's kernel, with `watcher` called by its backward pass.

    Args:
        layer: What is run.
        watcher: See `Layer.watch`.
        x: Inputs, right padded.
        lengths: Real steps of each sequence; None where all are T.
        state: State to start from.
        final: Whether the final state matters beside the outputs.
    """
    clean = zero_padding(x, lengths)
    inputs, columns = layer.kernel_inputs(clean, lengths if final else None)
    block = layer.ghost_block()
    seen: dict[int, Tensor] = {}

    def done(ghost: Tensor) -> None:
        direct = seen.pop(0, torch.zeros_like(outputs))
        parts = tuple(seen.pop(number, None) for number in range(1, len(after)))
        with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
            direct, ghost = layer.precise(direct, ghost)
            watcher(StateGradients(layer.total_gradients(trace, direct, ghost, parts)))

    with_ghost = _Ghost.apply(done, block.shape[1], inputs, *state, *layer.parameters())  # type: ignore[no-untyped-call]
    weights = layer.widened(torch.cat([columns, block], dim=1))
    raw, after = layer.run_kernel(with_ghost, state, weights)
    outputs = raw.detach()
    trace = Trace(clean.detach(), lengths, tuple(part.detach() for part in state), outputs)
    for number, part in enumerate((raw, *after[1:])):
        if part.requires_grad:
            part.register_hook(_keep(seen, number))  # type: ignore[no-untyped-call]
    masked = zero_padding(raw, lengths)
    hidden = raw[:, -1] if lengths is None else last_valid(masked, lengths)
    return masked, (hidden, *after[1:])


def _keep(seen: dict[int, Tensor], number: int) -> Callable[[Tensor], None]:
    def hook(gradient: Tensor) -> None:
        seen[number] = gradient.detach()

    return hook


class _Ghost(Function):
    """Appends columns of zeros, and hands their gradient on.

    States and parameters are arguments as well: a backward pass for them alone would leave it out
    otherwise.
    """

    @staticmethod
    def forward(
        ctx: Any, done: Callable[[Tensor], None], count: int, x: Tensor, *others: Tensor
    ) -> Tensor:
        """The input, wider."""
        ctx.done, ctx.size, ctx.others = done, x.shape[2], len(others)
        return torch.cat([x, x.new_zeros(*x.shape[:2], count)], dim=2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """The input's gradient."""
        ctx.done(gradient[..., ctx.size :].detach())
        return (None, None, gradient[..., : ctx.size], *[None] * ctx.others)
