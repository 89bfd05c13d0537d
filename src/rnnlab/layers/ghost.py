"""Gradients at all states of a layer computed by torch's own kernel, which does not show them.

Columns of zeros are appended to the input, and a block to the input weights. The outputs do not
change, and the gradient of the zeros is what flows through the recurrence: with the recurrent
weights W_hh as the block, that of step t + 1 is delta_{t+1} W_hh, where delta is the gradient of
the gates' sums. Together with the direct part, the gradient of output t, that is all of dL/dh_t of
an RNN or LSTM; a GRU's and dL/dc_t follow from the gates by an elementwise scan.
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.autograd import Function

from rnnlab.layers.base import Layer, State
from rnnlab.layers.padding import last_valid, zero_padding
from rnnlab.layers.trace import Trace
from rnnlab.layers.watch import StateGradients, Watcher


class GhostInputLayer(Layer):
    """A layer whose kernel can be given more input columns."""

    weight_hh_l0: nn.Parameter

    @abstractmethod
    def widened(self, columns: Float[Tensor, "G K"]) -> list[Tensor]:
        """The weights in torch's order, with more input columns."""

    @abstractmethod
    def kernel_inputs(
        self, x: Float[Tensor, "B T D"], lengths: Int[Tensor, "B"] | None
    ) -> tuple[Float[Tensor, "B T E"], Float[Tensor, "G K"]]:
        """What the kernel reads so that final states are right, and its additional columns."""

    @abstractmethod
    def run_kernel(
        self, x: Float[Tensor, "B T E"], state: State, weights: list[Tensor]
    ) -> tuple[Float[Tensor, "B T H"], State]:
        """Torch's kernel with the given weights: outputs, and the state after the last step."""

    @abstractmethod
    def total_gradients(
        self,
        trace: Trace,
        direct: Float[Tensor, "B T H"],
        ghost: Float[Tensor, "B T K"],
        final: tuple[Tensor | None, ...],
    ) -> tuple[Float[Tensor, "B T H"], ...]:
        """The gradients at all states.

        Args:
            trace: The forward pass.
            direct: Gradients of the outputs.
            ghost: Gradients of the zeros.
            final: Gradients of the final state's parts, but for the first; None for zero.
        """

    def ghost_block(self) -> Float[Tensor, "G K"]:
        """Input weights of the zeros: the recurrent weights, where they are all that is needed."""
        return self.weight_hh_l0.detach()

    def watched_kernel(
        self,
        watcher: Watcher,
        x: Float[Tensor, "B T D"],
        lengths: Int[Tensor, "B"] | None,
        state: State,
        *,
        outputs_only: bool,
    ) -> tuple[Float[Tensor, "B T H"], State]:
        """See `Layer.watched`."""
        clean = zero_padding(x, lengths)
        inputs, columns = self.kernel_inputs(clean, None if outputs_only else lengths)
        block = self.ghost_block()
        gradients: dict[int, Tensor] = {}

        def done(ghost: Tensor) -> None:
            direct = gradients.pop(0, torch.zeros_like(outputs))
            parts = tuple(gradients.pop(number, None) for number in range(1, len(after)))
            with torch.no_grad(), torch.autocast(x.device.type, enabled=False):
                direct, ghost = self.to_weight_dtype(direct, ghost)
                watcher(StateGradients(self.total_gradients(trace, direct, ghost, parts)))

        with_ghost = _GhostInput.apply(done, block.shape[1], inputs, *state, *self.parameters())  # type: ignore[no-untyped-call]
        weights = self.widened(torch.cat([columns, block], dim=1))
        raw, after = self.run_kernel(with_ghost, state, weights)
        outputs = raw.detach()
        trace = Trace(clean.detach(), lengths, tuple(part.detach() for part in state), outputs)
        for number, part in enumerate((raw, *after[1:])):
            if part.requires_grad:
                part.register_hook(_save_gradient(gradients, number))  # type: ignore[no-untyped-call]
        masked = zero_padding(raw, lengths)
        hidden = raw[:, -1] if lengths is None else last_valid(masked, lengths)
        return masked, (hidden, *after[1:])


def _save_gradient(gradients: dict[int, Tensor], number: int) -> Callable[[Tensor], None]:
    def hook(gradient: Tensor) -> None:
        gradients[number] = gradient.detach()

    return hook


class _GhostInput(Function):
    """Appends columns of zeros, and gives their gradient to `done`.

    States and parameters are arguments as well: a backward pass for them alone would skip it
    otherwise.
    """

    @staticmethod
    def forward(
        ctx: Any, done: Callable[[Tensor], None], count: int, x: Tensor, *others: Tensor
    ) -> Tensor:
        """The wider input."""
        ctx.done, ctx.size, ctx.others = done, x.shape[2], len(others)
        return torch.cat([x, x.new_zeros(*x.shape[:2], count)], dim=2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        """The input's gradient."""
        ctx.done(gradient[..., ctx.size :].detach())
        return (None, None, gradient[..., : ctx.size], *[None] * ctx.others)
