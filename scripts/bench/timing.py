"""Interleaved timing: what is compared runs in turns, in one process.

Clock and statistics are those of `torch.utils.benchmark`: `timer` waits for a GPU.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence

from torch.utils.benchmark import Measurement, TaskSpec, timer


def interleave(
    variants: Mapping[str, Callable[[], object]],
    *,
    budget: float,
    calls: int = 1,
    least: int = 3,
    most: int = 30,
) -> dict[str, Measurement]:
    """Time each variant once a round, in an order that rotates.

    Whatever slows the machine for a while hits all variants alike, so ratios of medians hold where
    times drift. Each variant runs once before, unmeasured.

    Args:
        variants: What to time, by name.
        budget: Seconds for all rounds together; rounds end when they are spent.
        calls: Of a variant in a round; the measurement is of one call.
        least: Rounds that are made in any case.
        most: Rounds that are enough.
    """
    names = list(variants)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        variants[name]()
    start = timer()
    for round_ in range(most):
        if round_ >= least and timer() - start > budget:
            break
        shift = round_ % len(names)
        for name in names[shift:] + names[:shift]:
            work = variants[name]
            before = timer()
            for _ in range(calls):
                work()
            seconds[name].append(timer() - before)
    return {name: Measurement(calls, seconds[name], TaskSpec(name, "")) for name in names}


def quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    """Lower quartile, median and upper quartile; of one value three times itself."""
    if len(values) < 2:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def speedup(seconds: Mapping[str, Sequence[float]], fast: str, slow: str) -> tuple[float, ...]:
    """Ratio of the medians, and quartiles of the ratios of single rounds."""
    middle = statistics.median(seconds[slow]) / statistics.median(seconds[fast])
    rounds = [b / a for a, b in zip(seconds[fast], seconds[slow], strict=True)]
    low, _, high = quartiles(rounds)
    return middle, low, high
