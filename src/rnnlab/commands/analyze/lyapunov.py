"""How fast neighbouring states of a layer move apart or together: its Lyapunov exponents."""

import math
import warnings
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.func import jvp, vmap

from rnnlab.commands.student import student_quantile
from rnnlab.layers.base import Layer, State

QR_EVERY = 4
"""Steps between two orthonormalisations."""

UNRESOLVED = 1e-14
"""Below this share of the longest tangent vector a length is rounding noise: it counts as 0.

With `QR_EVERY` = 4 that is 8 below the largest exponent, in nats a step.
"""

ONE, TWO = math.erf(math.sqrt(0.5)), math.erf(math.sqrt(2.0))
"""Shares of a normal distribution within one and two standard deviations."""

Verdict = Literal["contracting", "edge", "expanding"]


@dataclass(frozen=True)
class Exponents:
    """The largest Lyapunov exponents of a driven layer, in nats a step.

    Attributes:
        values: Exponents (k,), the largest first; minus infinity where a direction is lost at
            once.
        errors: Standard error of each (k,), from the differences between the streams; None for
            one stream. Of few streams it is larger by Student's quantile, so that +- one error
            holds the exponent in 68 % of all cases, whatever their number.
        steps: Steps that were averaged over in every stream.
        streams: Independent streams of inputs.
        size: Numbers in the whole state, and so of all exponents.
    """

    values: Float[Tensor, "k"]
    errors: Float[Tensor, "k"] | None
    steps: int
    streams: int
    size: int

    @property
    def first(self) -> float:
        """The largest exponent."""
        return float(self.values[0])

    @property
    def first_error(self) -> float | None:
        """Its standard error."""
        return None if self.errors is None else float(self.errors[0])

    @property
    def tolerance(self) -> float:
        """A largest exponent below this cannot be told from 0.

        It is what holds the exponent in 95 % of all cases, or one e-fold in all steps, whichever
        is more.
        """
        if self.first_error is None:
            return 1 / self.steps
        freedom = self.streams - 1
        factor = student_quantile(freedom, TWO) / student_quantile(freedom, ONE)
        return max(factor * self.first_error, 1 / self.steps)

    @property
    def verdict(self) -> Verdict:
        """What becomes of a small change of the state."""
        if abs(self.first) <= self.tolerance:
            return "edge"
        return "expanding" if self.first > 0 else "contracting"

    @property
    def half_life(self) -> float:
        """Steps in which a small change halves (or doubles, where the layer is expanding)."""
        return math.log(2) / abs(self.first) if self.first else math.inf


def lyapunov(
    layer: Layer,
    inputs: Float[Tensor, "T S D"],
    starts: Bool[Tensor, "T S"] | None = None,
    *,
    k: int,
    transient: int = 0,
    seed: int = 1,
) -> Exponents:
    """The k largest Lyapunov exponents of a layer that reads these inputs.

    k tangent vectors are multiplied by the derivative of `Layer.step` in the whole state (of an
    LSTM h and c: its memory is in c), exactly, in float64, by forward-mode differentiation. They
    are orthonormalised every few steps; an exponent is the mean logarithm of the lengths that are
    divided out (Benettin et al. 1980; of recurrent nets Engelken, Wolf and
    Abbott 2023, arXiv:2006.02427).

    Args:
        layer: Any layer; it is not changed.
        inputs: S streams, time first.
        starts: Where a new sequence begins in a stream: there the state is reset, as in use, but
            not the tangent vectors. None never resets it.
        k: Number of exponents, at most the size of the state.
        transient: First steps to leave out, until the tangent vectors have found their directions;
            rounded up to a multiple of `QR_EVERY`.
        seed: Seed of the first tangent vectors.

    Raises:
        ValueError: k is not between 1 and the size of the state; no steps are left.
    """
    inputs = inputs.detach().double()
    steps, streams = inputs.shape[:2]
    cell = deepcopy(layer).double().requires_grad_(False)
    initial = cell.initial_state(streams, inputs)
    size = state_size(initial)
    first = math.ceil(transient / QR_EVERY) * QR_EVERY
    if not 1 <= k <= size:
        raise ValueError(f"k = {k} is not between 1 and the size {size} of the state")
    if first >= steps:
        raise ValueError(f"{steps} steps, {first} of them transient: none is left")
    generator = torch.Generator().manual_seed(seed)
    tangents = torch.randn(streams, size, k, generator=generator, dtype=torch.float64)
    tangents = torch.linalg.qr(tangents).Q
    total = torch.zeros(streams, k, dtype=torch.float64)
    state = initial
    for begin in range(0, steps, QR_EVERY):
        for t in range(begin, min(begin + QR_EVERY, steps)):
            if starts is not None:
                # torch.where needs as many dimensions as each part of the state
                state = tuple(
                    torch.where(starts[t].view(-1, *[1] * (old.dim() - 1)), new, old)
                    for old, new in zip(state, initial, strict=True)
                )
            state, tangents = push(cell, inputs[t], state, tangents)
        tangents, shrunk = torch.linalg.qr(tangents)
        if begin >= first:
            lengths = shrunk.diagonal(dim1=1, dim2=2).abs()
            total += torch.where(lengths > UNRESOLVED * lengths[:, :1], lengths, 0.0).log()
    each = total / (steps - first)
    # over few steps, close exponents may come in another order
    each = each[:, each.mean(0).argsort(descending=True, stable=True)]
    errors = None
    if streams > 1:
        factor = student_quantile(streams - 1, ONE) / math.sqrt(streams)
        errors = (factor * each.std(0)).nan_to_num(0.0, math.inf)  # nan: -inf in all streams
    return Exponents(each.mean(0), errors, steps - first, streams, size)


def state_size(state: State) -> int:
    """Number of floating-point elements in the state of one sequence."""
    return sum(part[0].numel() for part in state if part.is_floating_point())


def flattened(state: State) -> Float[Tensor, "S N"]:
    """The floating-point numbers of each state in a row."""
    return torch.cat([part.flatten(1) for part in state if part.is_floating_point()], dim=1)


def reshaped(rows: Float[Tensor, "S N"], like: State) -> State:
    """States of the shapes of others, from numbers in rows; what is no float is theirs."""
    shapes = [part.shape for part in like if part.is_floating_point()]
    pieces = torch.split_with_sizes(rows, [shape[1:].numel() for shape in shapes], dim=1)
    moving = iter([piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)])
    return tuple(next(moving) if part.is_floating_point() else part for part in like)


def push(
    layer: Layer, x: Float[Tensor, "S D"], state: State, tangents: Float[Tensor, "S N k"]
) -> tuple[State, Float[Tensor, "S N k"]]:
    """One step of the state and of k tangent vectors."""

    def step(vector: Tensor) -> tuple[Tensor, State]:
        _, after = layer.step(x, reshaped(vector, state))
        return flattened(after), after

    def along(tangent: Tensor) -> tuple[Tensor, State]:
        with warnings.catch_warnings():  # torch itself causes it when it loads forward mode
            warnings.filterwarnings("ignore", "`torch.jit", DeprecationWarning)
            done: Any = jvp(step, (flattened(state),), (tangent,), has_aux=True)
        return done[1], done[2]

    unbatched: Any = (2, None)  # the state is the same for all vectors
    moved, after = vmap(along, in_dims=2, out_dims=unbatched)(tangents)
    return after, moved
