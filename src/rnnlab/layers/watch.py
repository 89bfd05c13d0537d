"""The total gradient at every state, shown at the end of a backward pass."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd import Function


def _padded(part: Tensor) -> Tensor:
    return part


@dataclass(frozen=True, slots=True)
class StateGradients:
    """The total gradient of the loss at every state: direct, and through all later steps.

    Step t is the state *after* the layer's t-th step, in the order in which the layer reads: of a
    backward direction step 0 is each sequence's last word, and its last valid step the first word.
    Gradients are as backward sees them: of a scaled loss where the loss is scaled.

    Attributes:
        parts: Of each part of the state, all its gradients: dL/dh_t, and of an LSTM dL/dc_t;
            flat (N, F) as a kernel holds them, or padded (B, T, F).
        unpack: From flat to padded, zero beyond the lengths.
    """

    parts: tuple[Tensor, ...]
    unpack: Callable[[Tensor], Tensor] = _padded

    def norms(self) -> tuple[Float[Tensor, "B T"], ...]:
        """Euclidean norms, at least in fp32, zero beyond the lengths; one tensor a part."""
        return tuple(self.unpack(norms_of(part).unsqueeze(-1)).squeeze(2) for part in self.parts)

    def vectors(self) -> tuple[Float[Tensor, "B T F"], ...]:
        """The gradients themselves, zero beyond the lengths; one tensor a part."""
        return tuple(self.unpack(part) for part in self.parts)


Watcher = Callable[[StateGradients], None]
"""Called with the gradients of one forward pass when its backward pass is done."""


def norms_of(part: Tensor) -> Tensor:
    """Euclidean norms of the last dimension, at least in fp32."""
    precise = torch.promote_types(part.dtype, torch.float32)
    norm: Tensor = torch.linalg.vector_norm(part.to(precise), dim=-1)
    return norm


def trainable(first: Tensor, *others: Tensor) -> Tensor:
    """The first tensor, or a leaf with its values where none of all has a gradient."""
    if torch.is_grad_enabled() and not any(part.requires_grad for part in (first, *others)):
        return first.detach().requires_grad_()
    return first


class _AtTheEnd(Function):
    """The identity; calls `done` in the backward pass, when all gradients have been computed.

    Parameters are arguments as well: a backward pass for them alone would skip it otherwise.
    """

    @staticmethod
    def forward(
        ctx: Any, done: Callable[[], None], count: int, *tensors: Tensor
    ) -> tuple[Tensor, ...]:
        """The first `count` tensors."""
        ctx.done, ctx.others = done, len(tensors) - count
        ctx.set_materialize_grads(False)
        return tuple(tensor.view_as(tensor) for tensor in tensors[:count])

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        """Their gradients."""
        ctx.done()
        return (None, None, *gradients, *[None] * ctx.others)


class StateCollector:
    """Collects the gradients at the states of a loop, by hooks, for a watcher.

    Args:
        watcher: Called at the end of the backward pass.
    """

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._states: list[tuple[Tensor, ...]] = []
        self._gradients: dict[tuple[int, int], Tensor] = {}

    def begin(
        self, tensors: tuple[Tensor, ...], parameters: Iterable[Tensor]
    ) -> tuple[Tensor, ...]:
        """The tensors that the loop is to start from, in place of these."""
        started: tuple[Tensor, ...] = _AtTheEnd.apply(  # type: ignore[no-untyped-call]
            self._finish, len(tensors), *tensors, *parameters
        )
        return started

    def add(self, state: tuple[Tensor, ...]) -> None:
        """Take the state after the next step."""
        step = len(self._states)
        self._states.append(tuple(part.detach() for part in state))
        for number, part in enumerate(state):
            if part.requires_grad:
                keep = partial(self._gradients.__setitem__, (step, number))
                part.register_hook(keep)  # type: ignore[no-untyped-call]

    def _finish(self) -> None:
        """The backward pass is over: show its gradients, and be ready for another pass."""
        parts = []
        for number in range(len(self._states[0])):
            steps = [
                self._gradients.get((step, number), torch.zeros_like(state[number]))
                for step, state in enumerate(self._states)
            ]
            parts.append(torch.stack(steps, dim=1).detach().reshape(len(steps[0]), len(steps), -1))
        self._gradients.clear()
        self._watcher(StateGradients(tuple(parts)))
