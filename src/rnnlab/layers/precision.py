"""In which dtype a recurrent layer computes its sequences, and exact scales for float16."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd import Function

from rnnlab.layers.watch import StateGradients, Watcher

Precision = Literal["auto", "fp32", "bf16", "fp16"]
"""`auto`: that of the weights."""

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
"""The dtype of each choice but `auto`."""

EXPONENT, BIAS = 23, 127
"""Where a float32's exponent begins, and what is added to it."""


def is_autocast(device: torch.device) -> bool:
    """Whether autocast is on; the meta device has none."""
    kind = device.type
    return torch.amp.is_autocast_available(kind) and torch.is_autocast_enabled(kind)


def without_autocast(device: torch.device) -> AbstractContextManager[Any]:
    """Within it a device's autocast is off."""
    if not torch.amp.is_autocast_available(device.type):
        return nullcontext()
    return torch.autocast(device.type, enabled=False)


class GradientScale:
    """Keeps the gradients of a float16 call in its range: they are larger by a power of two inside.

    Float16 has no numbers below 6e-8, and few below 6e-5, where gradients of a mean over a batch
    mostly are. The scale is found in the backward pass from the largest gradient that comes in, on
    the device. Multiplying by it and dividing again is exact.

    Args:
        steps: Steps of all sequences, over which gradients of weights are summed: the more there
            are, the more room is left above.
    """

    def __init__(self, steps: int) -> None:
        # below 2^15 in sum, were all as large as the largest
        self._room = min(0, 14 - (steps - 1).bit_length())
        self._exponent: Tensor | None = None

    def enter(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The tensors that go in, float32; their gradients are divided."""
        entered: tuple[Tensor, ...] = _Enter.apply(self, *tensors)  # type: ignore[no-untyped-call]
        return entered

    def leave(self, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """The tensors that come out, float32; their gradients are multiplied."""
        left: tuple[Tensor, ...] = _Leave.apply(self, *tensors)  # type: ignore[no-untyped-call]
        return left

    def watcher(self, watcher: Watcher) -> Watcher:
        """Called with gradients from inside it shows them as they are outside."""

        def show(inside: StateGradients) -> None:
            parts = tuple(self.divided(part.float()) for part in inside.parts)
            watcher(StateGradients(parts, inside.unpack))

        return show

    def choose(self, gradients: Sequence[Tensor]) -> None:
        """Take a scale that makes the largest of these nearly as large as there is room."""
        largest = torch.stack([part.detach().abs().amax() for part in gradients]).amax()
        exponent = (largest.float().view(torch.int32) >> EXPONENT) - BIAS
        self._exponent = (self._room - exponent).clamp(1 - BIAS, BIAS - 1)

    def multiplied(self, gradient: Tensor) -> Tensor:
        """A gradient outside, as it is inside."""
        assert self._exponent is not None  # the backward pass of `leave` was before
        return gradient * _power_of_two(self._exponent)

    def divided(self, gradient: Tensor) -> Tensor:
        """A gradient inside, as it is outside."""
        assert self._exponent is not None
        return gradient * _power_of_two(-self._exponent)


def _power_of_two(exponent: Tensor) -> Tensor:
    """2^exponent in float32, made of its bits, as a device's `pow` may round."""
    return ((exponent + BIAS) << EXPONENT).view(torch.float32)


class _Enter(Function):
    @staticmethod
    def forward(ctx: Any, scale: GradientScale, *tensors: Tensor) -> tuple[Tensor, ...]:
        ctx.scale = scale
        ctx.set_materialize_grads(False)
        return tuple(tensor.view_as(tensor) for tensor in tensors)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        return None, *_each(ctx.scale.divided, gradients)


class _Leave(_Enter):
    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        ctx.scale.choose([part for part in gradients if part is not None])
        return None, *_each(ctx.scale.multiplied, gradients)


def _each(
    function: Callable[[Tensor], Tensor], gradients: Sequence[Tensor | None]
) -> list[Tensor | None]:
    return [None if part is None else function(part) for part in gradients]
