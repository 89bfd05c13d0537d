"""How sure a difference between groups is: bootstrap intervals, and tests of pairs of one seed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import inf, isfinite, sqrt
from statistics import fmean

import numpy as np

from rnnlab.commands.compare.groups import Group, all_runs, by_facet
from rnnlab.commands.student import share_within
from rnnlab.errors import shortened

FEWEST = 4
"""With fewer runs than this nothing is said: no test of three pairs can be below 0.25."""

LEVEL, RESAMPLES = 0.95, 9999
"""Of the intervals."""

EXACT = 16
"""Up to so many pairs all signs are tried, else as many random ones as `RESAMPLES`."""


@dataclass(frozen=True)
class Difference:
    """A group against another one, over the seeds that both have.

    Attributes:
        metric: Its name.
        group: The one.
        against: The other.
        values: One minus other, a value a seed.
        adjusted: p of the t test, by Holm for all tests of this metric; None with too few seeds.
    """

    metric: str
    group: str
    against: str
    values: tuple[float, ...]
    adjusted: float | None = None

    @property
    def enough(self) -> bool:
        """Whether there are enough seeds to say anything."""
        return len(self.values) >= FEWEST

    def sentence(self) -> str:
        """The difference, its interval and what the tests say, with the number of seeds."""
        assert self.adjusted is not None
        low, high = bootstrap_interval(self.values)
        sure = "they differ" if self.adjusted < 1 - LEVEL else "no difference shown"
        count = len(self.values)
        return (
            f"{self.metric}, {self.group} against {self.against}, {count} seeds: "
            f"{fmean(self.values):+.4g} [{low:+.4g}, {high:+.4g}]; p = {self.adjusted:.2g} "
            f"(t test), {sign_flip_p(self.values):.2g} (signs; {least_p(count):.2g} at best): "
            f"{sure}"
        )


def sentences(found: Sequence[Difference]) -> list[str]:
    """One for each difference with enough seeds, one for all others together."""
    few = [f"{each.against} ({len(each.values)})" for each in found if not each.enough]
    rest = f"fewer than {FEWEST} seeds in common with the best group, so nothing can be said of: "
    said = [each.sentence() for each in found if each.enough]
    return said + ([found[0].metric + ": " + rest + shortened(few)] if few else [])


def bootstrap_interval(values: Sequence[float], *, seed: int = 1) -> tuple[float, float]:
    """Interval of the mean: percentiles of the means of samples drawn with replacement.

    Efron and Tibshirani (1993), chapter 13. Of few runs it is too narrow rather than too wide.

    Args:
        values: One a run, at least one.
        seed: Of the samples.
    """
    numbers = np.asarray(values, float)
    drawn = np.random.default_rng(seed).integers(0, len(numbers), (RESAMPLES, len(numbers)))
    means = numbers[drawn].mean(axis=1)
    low, high = np.percentile(means, [50 * (1 - LEVEL), 50 * (1 + LEVEL)])
    return float(low), float(high)


def paired_t_p(differences: Sequence[float]) -> float:
    """Two-sided p of Student's t test that the mean of differences is 0.

    Args:
        differences: At least two; where all are alike p is 0, or 1 where all are 0.
    """
    numbers = np.asarray(differences, float)
    count, mean, deviation = len(numbers), float(numbers.mean()), float(numbers.std(ddof=1))
    if not deviation:
        return 0.0 if mean else 1.0
    return 1 - share_within(count - 1, abs(mean) / deviation * sqrt(count))


def sign_flip_p(differences: Sequence[float], *, seed: int = 1) -> float:
    """Two-sided p of Fisher's test: how often chance signs make a mean as far from 0.

    It assumes nothing but that a difference could as well have the other sign.

    Args:
        differences: At least one.
        seed: Of the signs, where there are too many pairs to try them all.
    """
    numbers = np.asarray(differences, float)
    count = len(numbers)
    if count <= EXACT:
        signs = np.array(list(product((1, -1), repeat=count)))
    else:
        random = np.random.default_rng(seed).choice((1, -1), (RESAMPLES, count))
        signs = np.vstack([np.ones(count, int), random])  # the one at hand counts too
    means = np.abs((signs * numbers).mean(axis=1))
    return float((means >= means[0] * (1 - 1e-12)).mean())


def least_p(count: int) -> float:
    """The smallest p that `sign_flip_p` can give with so many pairs."""
    return 2.0 ** (1 - count) if count <= EXACT else 1 / (RESAMPLES + 1)


def holm(values: Sequence[float]) -> list[float]:
    """P of several tests, made larger so that one wrong among all is as rare (Holm 1979)."""
    adjusted, largest = [0.0] * len(values), 0.0
    for rank, index in enumerate(np.argsort(values, kind="stable")):
        largest = max(largest, min(1.0, (len(values) - rank) * values[index]))
        adjusted[index] = largest
    return adjusted


def differences(groups: Sequence[Group], metric: str | None = None) -> list[Difference]:
    """The group with the best mean score against every other one of its facet, seed by seed.

    Args:
        groups: Groups to compare; those without a completed run are left out.
        metric: Such as `test/accuracy`; None for the monitored one.
    """
    metric = metric or headline_metric(groups)
    if metric is None:
        return []
    found: list[Difference] = []
    for _, indices in by_facet(groups):
        its = [(groups[index], by_seed(groups[index], metric)) for index in indices]
        ranked = sorted((each for each in its if each[1]), key=lambda each: -_best(each[0]))
        for other, values in ranked[1:]:
            best, own = ranked[0]
            pairs = tuple(own[seed] - values[seed] for seed in own if seed in values)
            found.append(Difference(metric, best.label, other.label, pairs))
    sure = [each for each in found if each.enough]
    adjusted = iter(holm([paired_t_p(each.values) for each in sure]))
    return [
        Difference(d.metric, d.group, d.against, d.values, next(adjusted)) if d.enough else d
        for d in found
    ]


def by_seed(group: Group, metric: str) -> dict[str, float]:
    """A metric of the completed runs by their seed, the mean where a seed was run again."""
    found: dict[str, list[float]] = {}
    for run in group.runs:
        value = run.metrics.get(metric)
        if run.status == "completed" and value is not None and isfinite(value):
            found.setdefault(str(run.seed), []).append(value)
    return {seed: fmean(values) for seed, values in found.items()}


def headline_metric(groups: Sequence[Group]) -> str | None:
    """The monitored metric, of the test split where all runs have it."""
    records = [run.record for run in all_runs(groups) if run.record is not None]
    for monitor in dict.fromkeys(str(record["monitor"]) for record in records):
        name = monitor.removeprefix("val/")
        return f"test/{name}" if any(name in record["test"] for record in records) else monitor
    return None


def rows(found: Sequence[Difference]) -> Iterator[Mapping[str, object]]:
    """Plain numbers for a table."""
    for each in found:
        row: dict[str, object] = {
            "metric": each.metric,
            "group": each.group,
            "against": each.against,
            "seeds": len(each.values),
            "difference": fmean(each.values) if each.values else "",
        }
        if each.enough:
            low, high = bootstrap_interval(each.values)
            row |= {"low": low, "high": high, "p (t test, Holm)": each.adjusted}
            row |= {"p (signs)": sign_flip_p(each.values)}
        yield row


def _best(group: Group) -> float:
    """Mean score of the completed runs: higher is better."""
    scores = [
        score
        for run in group.runs
        if run.status == "completed"
        and run.record is not None
        and (score := run.record.get("score")) is not None
    ]
    return fmean(scores) if scores else -inf
