"""Gradients at all states of a layer computed by torch's own kernel, which does not show them.

Columns of zeros are appended to the input, and a block to the input weights. The outputs do not
change, and the gradient of the zeros is what flows through the recurrence: with the recurrent
weights W_hh as the block, that of step t + 1 is delta_{t+1} W_hh, where delta is the gradient of
the gates' sums. Together with the direct part, the gradient of output t, that is all of dL/dh_t of
an RNN or LSTM; a GRU's and dL/dc_t follow from the gates by an elementwise scan.
"""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd import Function

from rnnlab.layers.base import Inputs, Layer, Lengths, Outputs, Result, State
from rnnlab.layers.padding import last_valid, zero_padding
from rnnlab.layers.parameters import replaced_parameters
from rnnlab.layers.trace import Trace
from rnnlab.layers.watch import StateGradients, Watcher

Ghost = Float[Tensor, "B T K"]
"""The gradient of the zeros."""

WEIGHTS = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
"""Names of the parameters, in the order in which torch's kernels take them."""


class GhostInputLayer(Layer):
    """A layer whose steps torch's kernel computes, which can be given more input columns."""

    weight_ih_l0: nn.Parameter
    weight_hh_l0: nn.Parameter
    _flat_weights: list[Tensor]  # torch's own list of the parameters

    @property
    def weights(self) -> list[Tensor]:
        """The parameters named by `WEIGHTS`."""
        return [getattr(self, name) for name in WEIGHTS]

    @property
    def call(self) -> dict[str, Any]:
        """How torch's kernels are called, beside inputs, states and weights."""
        return {
            "has_biases": True,
            "num_layers": 1,
            "dropout": 0.0,
            # without dropout it only says whether there may be a backward pass
            "train": self.training or torch.is_grad_enabled(),
            "bidirectional": False,
            "batch_first": True,
        }

    def kernel_inputs(
        self, x: Inputs, lengths: Lengths
    ) -> tuple[Float[Tensor, "B T E"], Float[Tensor, "G K"]]:
        """What the kernel reads so that final states are right, and its additional columns.

        Nothing more, where the state is the output.
        """
        return x, self.weight_ih_l0.new_zeros(len(self.weight_ih_l0), 0)

    def kernel_weights(self, columns: Float[Tensor, "G K"] | None = None) -> list[Tensor]:
        """The weights as torch's kernel takes them, with more input columns.

        The layer's own parameters lie in one buffer already, which torch made. Where others stand
        in their place, such as dropped ones, they are copied into one: cuDNN would copy each by
        itself, and warn.
        """
        weight_ih, *others = self.weights
        if columns is not None and columns.shape[1]:
            return in_one_buffer([torch.cat([weight_ih, columns], dim=1), *others])
        own = zip(self.weights, self._flat_weights, strict=True)
        if all(now is parameter for now, parameter in own):
            return self.weights
        return in_one_buffer(self.weights)

    @abstractmethod
    def run_kernel(self, x: Inputs, state: State, weights: list[Tensor]) -> Result:
        """Torch's kernel with the given weights: outputs, and the state after the last step."""

    @abstractmethod
    def total_gradients(
        self, trace: Trace, direct: Outputs, ghost: Ghost, final: tuple[Tensor | None, ...]
    ) -> tuple[Outputs, ...]:
        """The gradients at all states; the layer's parameters are those of the forward pass.

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
        self, watcher: Watcher, x: Inputs, lengths: Lengths, state: State, *, outputs_only: bool
    ) -> Result:
        """See `Layer.watched`."""
        clean = zero_padding(x, lengths)
        inputs, columns = self.kernel_inputs(clean, None if outputs_only else lengths)
        block = self.ghost_block()
        gradients: dict[int, Tensor] = {}

        def done(ghost: Tensor) -> None:
            direct = gradients.pop(0, torch.zeros_like(outputs))
            parts = tuple(gradients.pop(number, None) for number in range(1, len(after)))
            with (
                torch.no_grad(),
                torch.autocast(x.device.type, enabled=False),
                replaced_parameters(self, trace.weights),
            ):
                direct, ghost = self.to_weight_dtype(direct, ghost)
                watcher(StateGradients(self.total_gradients(trace, direct, ghost, parts)))

        with_ghost = _GhostInput.apply(done, block.shape[1], inputs, *state, *self.parameters())  # type: ignore[no-untyped-call]
        weights = self.kernel_weights(torch.cat([columns, block], dim=1))
        raw, after = self.run_kernel(with_ghost, state, weights)
        outputs = raw.detach()  # which torch refuses to go back through, were it changed
        initial = tuple(part.detach() for part in state)
        weights_then = {
            name: part.to(torch.promote_types(part.dtype, torch.float32))  # to analyse them in
            for name, part in self.used_weights().items()
        }
        trace = Trace(clean.detach(), lengths, initial, outputs, weights_then)
        for number, part in enumerate((raw, *after[1:])):
            if part.requires_grad:
                part.register_hook(partial(gradients.__setitem__, number))  # type: ignore[no-untyped-call]
        masked = zero_padding(raw, lengths)
        hidden = raw[:, -1] if lengths is None else last_valid(masked, lengths)
        return masked, (hidden, *after[1:])


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
        ctx.done(gradient[..., ctx.size :])
        return (None, None, gradient[..., : ctx.size], *[None] * ctx.others)


def to_torch(part: Tensor) -> Tensor:
    """A part of a state as torch's kernels take it: (B, H) -> (1, B, H), contiguous for cuDNN."""
    return part.unsqueeze(0).contiguous()


def in_one_buffer(parts: Sequence[Tensor]) -> list[Tensor]:
    """Copies of the tensors that are slices of one buffer, as cuDNN wants its weights."""
    buffer = torch.cat([part.reshape(-1) for part in parts])
    slices = torch.split_with_sizes(buffer, [part.numel() for part in parts])
    return [piece.view_as(part) for piece, part in zip(slices, parts, strict=True)]
