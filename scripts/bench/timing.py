"""Interleaved timing: what is compared runs in turns, in one process."""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Timing:
    """Seconds of one variant, a value a round."""

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Median, in seconds."""
        return statistics.median(self.seconds)

    @property
    def spread(self) -> float:
        """Distance between the quartiles, as a share of the median."""
        low, middle, high = quartiles(self.seconds)
        return (high - low) / middle


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile; of one value three times itself."""
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def interleave(
    variants: Mapping[str, Callable[[], object]],
    *,
    budget: float,
    least: int = 3,
    most: int = 30,
    warm: bool = True,
) -> dict[str, Timing]:
    """Time each variant once a round, in an order that rotates.

    Whatever slows the machine for a while hits all variants alike, so that ratios of medians hold
    where times drift.

    Args:
        variants: What to time, by name.
        budget: Seconds for all rounds together; rounds end when they are spent.
        least: Rounds that are made in any case.
        most: Rounds that are enough.
        warm: Run each variant once before, unmeasured.
    """
    names = list(variants)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    if warm:
        for name in names:
            variants[name]()
    start = time.perf_counter()
    for round_ in range(most):
        if round_ >= least and time.perf_counter() - start > budget:
            break
        shift = round_ % len(names)
        for name in names[shift:] + names[:shift]:
            before = time.perf_counter()
            variants[name]()
            seconds[name].append(time.perf_counter() - before)
    return {name: Timing(tuple(values)) for name, values in seconds.items()}


def ratio(of: Timing, to: Timing) -> float:
    """How many times faster `of` is than `to`, by their medians."""
    return to.median / of.median
