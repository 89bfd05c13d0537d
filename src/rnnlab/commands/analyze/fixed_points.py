"""Where a layer comes to rest: fixed points of its step, and what becomes of states near them."""

import math
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from rnnlab.commands.analyze.lyapunov import flattened, push, reshaped, state_size
from rnnlab.errors import counted
from rnnlab.layers.base import Layer, State
from rnnlab.layers.trace import Trace

MOST, LEAST = 32, 4
"""Default number of starts: for states of up to 320 numbers, and for the largest."""

STEPS = 1000
"""Steps for which a start is left alone, to see where it goes."""

ROUNDS, HALVINGS = 30, 6
"""Newton steps from a start, and how often one that does not help is halved."""

HELP = 0.1
"""A Newton step is to take away at least this share of what it promises to."""

STILL = 1e-9
"""A state that a step changes by less than this share of its size is a fixed point."""

SAME = 1e-4
"""Fixed points that differ by less than this share of their size are one."""

NEUTRAL = 1e-6
"""A spectral radius that is nearer to 1 than this cannot be told from it."""

LIMIT = 1e12
"""A state with larger numbers grows without end."""

Kind = Literal["stable", "neutral", "unstable"]


@dataclass(frozen=True)
class FixedPoint:
    """A state that a step does not change.

    Attributes:
        state: All its numbers (N,), float64.
        eigenvalues: Of the derivative of the step there (N,), the largest modulus first.
        attracted: Starts that end there, when they are left alone.
    """

    state: Float[Tensor, "N"]
    eigenvalues: Complex[Tensor, "N"]
    attracted: int

    @property
    def radius(self) -> float:
        """The spectral radius: what the slowest small deviation is multiplied by in a step."""
        return float(self.eigenvalues[0].abs())

    @property
    def kind(self) -> Kind:
        """What becomes of small deviations."""
        if abs(self.radius - 1) <= NEUTRAL:
            return "neutral"
        return "stable" if self.radius < 1 else "unstable"

    @property
    def half_life(self) -> float:
        """Steps in which the slowest deviation halves, or doubles where it is unstable."""
        if not self.radius:
            return 0.0
        return math.log(2) / abs(math.log(self.radius)) if self.radius != 1 else math.inf


@dataclass(frozen=True)
class FixedPoints:
    """The fixed points that were found of a layer whose input stays the same.

    Attributes:
        points: Those that attract most starts first.
        starts: States of real data that it was begun from.
        unbounded: Starts that grow beyond `LIMIT`.
    """

    points: Sequence[FixedPoint]
    starts: int
    unbounded: int

    @property
    def restless(self) -> int:
        """Starts that end nowhere: a cycle, chaos, or growth."""
        return self.starts - sum(point.attracted for point in self.points)

    def of_kind(self, *kinds: Kind) -> list[FixedPoint]:
        """The points of some kinds."""
        return [point for point in self.points if point.kind in kinds]


def fixed_points(
    layer: Layer, traces: Sequence[Trace], *, starts: int | None = None, seed: int = 1
) -> FixedPoints:
    """Fixed points F(s) = s of a layer whose input is always its mean input.

    The map is s -> step(mean of x, s), s the whole state (of an LSTM h and c), in float64. From
    states that the layer was in on real data, and from where these go when they are left alone for
    `STEPS` steps, Newton's method with the exact derivative looks for F(s) - s = 0, halving steps
    that do not make |F(s) - s| smaller; so saddles are found as well as points of rest. Kinds are
    by the eigenvalues of the derivative of F (Sussillo and Barak 2013, Opening the Black Box, who
    minimise |F(s) - s|^2). What is found depends on the starts: there may be more.

    Args:
        layer: Any layer with a state of a fixed size; it is not changed.
        traces: What it read.
        starts: Number of states; None for 32, or fewer where a state has more than 320 numbers.
        seed: Decides which states.
    """
    cell = deepcopy(layer).double().requires_grad_(False)
    valid = torch.cat([trace.inputs[trace.valid] for trace in traces])
    mean = valid.double().mean(0)
    real = visited(cell, traces[0])
    if starts is None:
        size = state_size(real)
        starts = min(MOST, max(LEAST, 2**30 // size**3))
    generator = torch.Generator().manual_seed(seed)
    chosen = torch.randperm(len(real[0]), generator=generator)[:starts]
    begin = tuple(part[chosen] for part in real)
    x = mean.expand(len(chosen), -1)
    end = begin
    with torch.no_grad():
        for _ in range(STEPS):
            _, end = cell.step(x, end)
    bounded = (flattened(end).abs() < LIMIT).all(1)
    unbounded = int((~bounded).sum())
    found, still = newton(cell, x, begin)
    settled, rests = newton(cell, x[bounded], tuple(part[bounded] for part in end))
    points = distinct(torch.cat([settled[rests], found[still]]))
    if not len(points):
        return FixedPoints([], len(chosen), unbounded)
    rows = torch.arange(len(points)) % len(chosen)
    like = tuple(part[rows] for part in begin)
    values = torch.linalg.eigvals(_derivative(cell, x[rows], points, like)[1])
    values = values.gather(1, values.abs().argsort(dim=1, descending=True, stable=True))
    nearest = torch.cdist(settled[rests], points).argmin(1)
    calm = values[nearest, 0].abs() <= 1 + NEUTRAL
    counts = torch.bincount(nearest[calm], minlength=len(points)).tolist()
    made = [FixedPoint(*each) for each in zip(points, values, counts, strict=True)]
    made.sort(key=lambda point: (-point.attracted, point.radius))
    return FixedPoints(made, len(chosen), unbounded)


@torch.no_grad()
def visited(cell: Layer, trace: Trace) -> State:
    """All states after the real steps of a forward pass, each part (K, ...).

    Args:
        cell: In float64.
        trace: What it read.
    """
    seen: list[State] = []
    start = tuple(p.double() if p.is_floating_point() else p for p in trace.initial)
    cell.scan(trace.inputs.double(), trace.lengths, start, seen.append)
    steps = [torch.stack(parts, dim=1) for parts in zip(*seen, strict=True)]
    return tuple(part[trace.valid] for part in steps)


@torch.no_grad()
def newton(
    cell: Layer, x: Float[Tensor, "S D"], start: State
) -> tuple[Float[Tensor, "S N"], Tensor]:
    """Solve F(s) = s from several starts.

    Returns:
        The last state of each, and whether it is a fixed point (S,).
    """
    states = flattened(start)
    still = torch.zeros(len(states), dtype=torch.bool)
    active = torch.arange(len(states))
    for _ in range(ROUNDS):
        if not len(active):
            break
        parts = tuple(part[active] for part in start)
        now = states[active]
        after, slopes = _derivative(cell, x[active], now, parts)
        rest = after - now
        done = rest.norm(dim=1) <= STILL * (1 + now.norm(dim=1))
        still[active[done]] = True
        active, now, rest, slopes = (each[~done] for each in (active, now, rest, slopes))
        parts = tuple(part[active] for part in start)
        # where a whole line is at rest the derivative has the eigenvalue 1
        shifted = slopes - (1 + STILL) * torch.eye(now.shape[1], dtype=now.dtype)
        direction, _ = torch.linalg.solve_ex(shifted, -rest)
        moved = torch.zeros(len(active), dtype=torch.bool)
        share = torch.ones(len(active), 1, dtype=now.dtype)
        for _ in range(HALVINGS):
            tried = now + share * direction
            _, reached = cell.step(x[active], reshaped(tried, parts))
            left = (flattened(reached) - tried).norm(dim=1)
            better = left < (1 - HELP * share.squeeze(1)) * rest.norm(dim=1)
            states[active[better & ~moved]] = tried[better & ~moved]
            moved |= better
            share = torch.where(moved.unsqueeze(1), share, share / 2)
        active = active[moved]
    return states, still


def distinct(points: Float[Tensor, "K N"]) -> Float[Tensor, "P N"]:
    """The points without those that are nearly equal to an earlier one."""
    kept: list[Tensor] = []
    for point in points:
        near = SAME * (1 + point.norm())
        if all((point - other).norm() > near for other in kept):
            kept.append(point)
    return torch.stack(kept) if kept else points


def sentence(name: str, found: FixedPoints) -> str:
    """What the fixed points say of a layer's memory."""
    stable, unstable = found.of_kind("stable", "neutral"), found.of_kind("unstable")
    begin = f"Left alone with its mean input, {name} "
    if not found.points:
        text = f"{begin}comes to rest nowhere: no fixed point was found from "
        return f"{text}{counted(found.starts, 'state')} of the data{_restless(found)}."
    if len(stable) == 1:
        text = f"{begin}has one stable fixed point ({_rate(stable[0])})"
        if stable[0].attracted == found.starts:
            text += f", where all {found.starts} states of the data end: it forgets what it read"
        else:
            text += f", where {stable[0].attracted} of {found.starts} states of the data end"
    elif stable:
        shares = ", ".join(str(point.attracted) for point in stable[:LEAST])
        text = (
            f"{begin}has {len(stable)} stable fixed points ({_rate(stable[0])}): which of them it "
            f"is in is kept for ever; of {found.starts} states of the data {shares}"
            f"{' ...' if len(stable) > LEAST else ''} end there"
        )
    else:
        text = f"{begin}has no stable fixed point"
    if unstable:
        text += f"; {counted(len(unstable), 'unstable one')} besides ({_rate(unstable[0])})"
    return f"{text}{_restless(found)}."


def _rate(point: FixedPoint) -> str:
    verb = "halves" if point.radius < 1 else "doubles"
    if point.kind == "neutral":
        return "radius 1, a deviation stays as it is"
    return f"radius {point.radius:.3g}, a deviation {verb} in {point.half_life:.3g} steps"


def _restless(found: FixedPoints) -> str:
    moving = found.restless - found.unbounded
    text = f"; {moving} of {found.starts} keep moving, in a cycle or in chaos" if moving else ""
    return text + (f"; {found.unbounded} grow without end" if found.unbounded else "")


def points_record(found: FixedPoints) -> dict[str, Any]:
    """Plain values, for `analysis.json`."""
    return {
        "starts": found.starts,
        "restless": found.restless,
        "unbounded": found.unbounded,
        "points": [
            {
                "kind": point.kind,
                "spectral_radius": point.radius,
                "half_life": point.half_life,
                "attracted": point.attracted,
                "unstable_directions": int((point.eigenvalues.abs() > 1 + NEUTRAL).sum()),
                "state": point.state.tolist(),
                "eigenvalues": torch.view_as_real(point.eigenvalues).tolist(),
            }
            for point in found.points
        ],
    }


def _derivative(
    cell: Layer, x: Float[Tensor, "S D"], states: Float[Tensor, "S N"], like: State
) -> tuple[Float[Tensor, "S N"], Float[Tensor, "S N N"]]:
    """F and its derivative, a few states at a time: a derivative has N x N numbers."""
    size = states.shape[1]
    eye = torch.eye(size, dtype=states.dtype)
    few = max(1, 2**23 // size**2)
    after, slopes = [], []
    for at in range(0, len(states), few):
        some = states[at : at + few]
        parts = reshaped(some, tuple(part[at : at + few] for part in like))
        reached, slope = push(cell, x[at : at + few], parts, eye.expand(len(some), -1, -1))
        after.append(flattened(reached))
        slopes.append(slope)
    return torch.cat(after), torch.cat(slopes)
