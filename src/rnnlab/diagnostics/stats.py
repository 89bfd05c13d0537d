"""Curves of gradient norms against lag, and the numbers that describe them; pure functions.

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

NUMBERS = (
    *("half_life", "decades_per_step", "first_last_ratio"),
    *("lag_of_tenth", "lag_of_hundredth"),
)
"""Names of the numbers of a curve."""

MAX_HALF_LIFE = 1e6
"""Largest half-life that is reported, in steps; a curve that is flat in all digits has this one."""


LIMITS = (-6.0, 6.0)
"""Decades that figures of curves show: the same in all runs, so that these compare."""

STRAIGHT = 0.9
"""Share of a curve's variance that a straight line has to explain to speak for it."""

NEAR = 0.1
"""Decades; a line that is no farther from a curve than that, in the root mean square, will do."""


@dataclass(frozen=True, slots=True)
class Curve:
    """Norms against lag, averaged over the sequences of a batch.

    Attributes:
        decades: log10 of the norm (K,), by lag; mean over those sequences that have such a lag and
            are above the floor there, nan where these are fewer than half of those that have it.
        sequences: How many these are (K,).
        below: How many have such a lag, and are not above the floor there (K,): where these are the
            more, the norm has fallen, nobody knows how far.
        first_last_ratio: Norm at a sequence's first step over that at its last one, geometric mean
            over all that have both; below the floor the floor counts. nan where none has.
        span: Steps from the one to the other, the mean over these; 0 where all have one step, nan
            where there is no sequence with a gradient.
    """

    decades: Array
    sequences: Array
    below: Array
    first_last_ratio: float
    span: float

    @property
    def decades_per_step(self) -> float:
        """Slope of `decades` against the lag: 0 healthy, negative vanishing, positive exploding.

        By least squares over the lags above the floor, each weighted by its sequences; nan where
        there are fewer than two, and where no straight line describes the curve: it explains less
        than `STRAIGHT` of its variance, and is farther from it than `NEAR`. Then see `lag_of`.
        Where the curve falls below the floor, the line has to come down to it, too.
        """
        fit = np.isfinite(self.decades) & (self.sequences > 0)
        if fit.sum() < 2:
            return float("nan")
        lags, values, weights = np.flatnonzero(fit), self.decades[fit], self.sequences[fit]
        middle, mean = np.average(lags, weights=weights), np.average(values, weights=weights)
        centred = lags - middle
        slope = np.sum(weights * centred * (values - mean)) / np.sum(weights * centred**2)
        down = np.flatnonzero(self._fallen)[:1]  # no more: the floor is a bound, not a value
        lags, weights = np.append(lags, down), np.append(weights, self.below[down])
        values = np.append(values, self._values[down])
        left = np.average((values - mean - slope * (lags - middle)) ** 2, weights=weights)
        spread = np.average((values - np.average(values, weights=weights)) ** 2, weights=weights)
        straight = left <= (1 - STRAIGHT) * spread
        return float(slope) if straight or left <= NEAR**2 else float("nan")

    @property
    def _fallen(self) -> NDArray[np.bool_]:
        """Where the curve is below the floor."""
        return np.isnan(self.decades) & (self.below > self.sequences)

    @property
    def _values(self) -> Array:
        """`decades`, with the floor where the curve is below it."""
        return np.where(self._fallen, np.log10(FLOOR), self.decades)

    def lag_of(self, share: float) -> float:
        """The lag at which the norm first falls to a share of that at lag 0, whatever comes later.

        Linear between lags, and below the floor the floor counts; nan where it does not fall so
        far.
        """
        lags = np.flatnonzero(np.isfinite(self._values))
        falls = self._values[lags] - self.decades[:1] - np.log10(share)  # nan: none at lag 0
        below = np.flatnonzero(falls <= 0)
        if not below.size:
            return float("nan")
        low, high = below[0] - 1, below[0]
        step = falls[low] / (falls[low] - falls[high])
        return float(lags[low] + step * (lags[high] - lags[low]))

    @property
    def lag_of_tenth(self) -> float:
        """Where the norm is a tenth of that at lag 0."""
        return self.lag_of(0.1)

    @property
    def lag_of_hundredth(self) -> float:
        """Where the norm is a hundredth of that at lag 0."""
        return self.lag_of(0.01)

    @property
    def half_life(self) -> float:
        """Steps in which the norm halves, or doubles where the slope is positive."""
        slope = abs(self.decades_per_step)
        if np.isnan(slope):
            return slope
        return float(min(np.log10(2) / max(slope, 1e-300), MAX_HALF_LIFE))

    @property
    def falls(self) -> str:
        """Where the norm first falls to a tenth and to a hundredth, in words."""
        tenth, hundredth = self.lag_of_tenth, self.lag_of_hundredth
        if np.isnan(tenth):
            return "never down to a tenth"
        more = "" if np.isnan(hundredth) else f", to a hundredth at {hundredth:.3g}"
        return f"down to a tenth at lag {tenth:.3g}{more}"

    def scalars(self, prefix: str) -> dict[str, float]:
        """The finite ones of the numbers, by the name of the scalar."""
        named = {f"{prefix}/{name}": float(getattr(self, name)) for name in NUMBERS}
        return {name: value for name, value in named.items() if np.isfinite(value)}


def curve_of(norms: NDArray[Any]) -> Curve:
    """The curve of a batch.

    Args:
        norms: Gradient norms (B, T) in the order in which the layer read; exactly zero beyond a
            sequence's end. Sequences that are zero throughout do not count, nor does a norm that
            is not finite.
    """
    aligned = by_lag(norms)
    exists = ~np.isnan(aligned)
    alive = exists & (aligned > FLOOR) & np.isfinite(aligned)
    logs = np.log10(np.where(alive, aligned, 1.0))
    count = alive.sum(0)
    decades = np.full(count.shape, np.nan)
    enough = (count > 0) & (2 * count >= exists.sum(0))
    decades[enough] = logs.sum(0)[enough] / count[enough]
    below = (aligned <= FLOOR).sum(0).astype(np.float64)
    return Curve(decades, count.astype(np.float64), below, *_first_last(aligned))


def by_lag(norms: NDArray[Any]) -> Array:
    """Norms (B, T) by lag from each sequence's own end (B, T); nan where there is no such step."""
    values = np.asarray(norms, dtype=np.float64)
    steps = values.shape[1]
    reached = values != 0
    length = np.where(reached.any(1), steps - np.argmax(reached[:, ::-1], axis=1), 0)
    index = length[:, None] - 1 - np.arange(steps)
    taken = np.take_along_axis(values, np.maximum(index, 0), axis=1)
    return np.where(index >= 0, taken, np.nan)


def _first_last(aligned: Array) -> tuple[float, float]:
    """The ratio and the span, see `Curve`."""
    lengths = (~np.isnan(aligned)).sum(1)
    rows = np.flatnonzero(lengths > 1)
    last = aligned[rows, 0]
    first = aligned[rows, lengths[rows] - 1]
    usable = (last > FLOOR) & np.isfinite(last) & np.isfinite(first)
    if not usable.any():
        return float("nan"), 0.0 if lengths.max(initial=0) == 1 else float("nan")
    ratio = np.log10(np.maximum(first[usable], FLOOR)) - np.log10(last[usable])
    return float(10 ** ratio.mean()), float(lengths[rows][usable].mean() - 1)


def stacked(batches: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Norms of several batches (B_i, T_i) as one batch, padded at the end."""
    longest = max(norms.shape[1] for norms in batches)
    padded = [np.pad(norms, ((0, 0), (0, longest - norms.shape[1]))) for norms in batches]
    return np.concatenate(padded)
