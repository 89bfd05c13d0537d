"""Curves of gradient norms against lag, and three numbers that describe them; pure functions.

A lag counts back from the end: the last step of a sequence whose gradient is not zero. That is its
last real step, unless the last ones have no target; also in a decoder, whose padding has none.
Steps are in the order in which a layer reads: for a `backward` direction, lag 0 is the first word.
Averages over sequences are taken of logarithms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FLOOR = 1e-18
"""Norms up to this are taken for zero: in float32 their squares underflow below about 1e-19."""

MAX_HALF_LIFE = 1e6
"""Largest half-life that is reported, in steps; a curve that is flat in all digits has this one."""


LIMITS = (-6.0, 6.0)
"""Decades that figures of curves show: the same in all runs, so that these compare."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Norms against lag, averaged over the sequences of a batch.

    Attributes:
        decades: log10 of the norm (K,), by lag; mean over those sequences that have such a lag and
            are above the floor there, nan where these are fewer than half of those that have it.
        sequences: How many these are (K,).
        first_last_ratio: Norm at a sequence's first step over that at its last one, geometric mean
            over all that have both; below the floor the floor counts. nan where none has.
    """

    decades: Array
    sequences: Array
    first_last_ratio: float

    @property
    def decades_per_step(self) -> float:
        """Slope of `decades` against the lag: 0 healthy, negative vanishing, positive exploding.

        By least squares over the lags above the floor, each weighted by its sequences; nan where
        there are fewer than two.
        """
        fit = np.isfinite(self.decades) & (self.sequences > 0)
        if fit.sum() < 2:
            return float("nan")
        lags, values, weights = np.flatnonzero(fit), self.decades[fit], self.sequences[fit]
        centred = lags - np.average(lags, weights=weights)
        spread = np.sum(weights * centred**2)
        return float(np.sum(weights * centred * values) / spread)

    @property
    def half_life(self) -> float:
        """Steps in which the norm halves, or doubles where the slope is positive."""
        slope = abs(self.decades_per_step)
        if np.isnan(slope):
            return slope
        return float(min(np.log10(2) / max(slope, 1e-300), MAX_HALF_LIFE))

    def scalars(self, prefix: str) -> dict[str, float]:
        """The finite ones of the three numbers, by the name of the scalar."""
        named = {
            f"{prefix}/{name}": float(getattr(self, name))
            for name in ("half_life", "decades_per_step", "first_last_ratio")
        }
        return {name: value for name, value in named.items() if np.isfinite(value)}


def curve_of(norms: NDArray[Any], floor: float = FLOOR) -> Curve:
    """The curve of a batch.

    Args:
        norms: Gradient norms (B, T) in the order in which the layer read; exactly zero beyond a
            sequence's end. Sequences that are zero throughout do not count, nor does a norm that
            is not finite.
        floor: See `FLOOR`.
    """
    aligned = by_lag(norms)
    exists = ~np.isnan(aligned)
    alive = exists & (aligned > floor) & np.isfinite(aligned)
    logs = np.log10(np.where(alive, aligned, 1.0))
    count = alive.sum(0)
    decades = np.full(count.shape, np.nan)
    enough = (count > 0) & (2 * count >= exists.sum(0))
    decades[enough] = logs.sum(0)[enough] / count[enough]
    return Curve(decades, count.astype(np.float64), _first_last(aligned, floor))


def by_lag(norms: NDArray[Any]) -> Array:
    """Norms (B, T) by lag from each sequence's own end (B, T); nan where there is no such step."""
    values = np.asarray(norms, dtype=np.float64)
    steps = values.shape[1]
    reached = values != 0
    length = np.where(reached.any(1), steps - np.argmax(reached[:, ::-1], axis=1), 0)
    index = length[:, None] - 1 - np.arange(steps)
    taken = np.take_along_axis(values, np.maximum(index, 0), axis=1)
    return np.where(index >= 0, taken, np.nan)


def _first_last(aligned: Array, floor: float) -> float:
    lengths = (~np.isnan(aligned)).sum(1)
    rows = np.flatnonzero(lengths > 1)
    last = aligned[rows, 0]
    first = aligned[rows, lengths[rows] - 1]
    usable = (last > floor) & np.isfinite(last) & np.isfinite(first)
    if not usable.any():
        return float("nan")
    ratio = np.log10(np.maximum(first[usable], floor)) - np.log10(last[usable])
    return float(10 ** ratio.mean())


def stacked(batches: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Norms of several batches (B_i, T_i) as one batch, padded at the end."""
    longest = max(norms.shape[1] for norms in batches)
    padded = [np.pad(norms, ((0, 0), (0, longest - norms.shape[1]))) for norms in batches]
    return np.concatenate(padded)
