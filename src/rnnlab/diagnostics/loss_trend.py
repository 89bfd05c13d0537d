"""Running medians, and whether those of a training loss say that the run learns."""

import math
from collections import deque
from statistics import median

import numpy as np

from rnnlab.data.batch import IGNORE
from rnnlab.data.examples import Examples
from rnnlab.data.ragged import Ragged
from rnnlab.data.spec import Kind
from rnnlab.data.stream import Stream

JUMP = 1.5
"""A loss above this multiple of the usual one is no noise."""


class RunningMedian:
    """The values of one scalar over the last `span` optimiser steps; those not finite are left out.

    Args:
        span: Optimiser steps that it covers.
        least: Values that make it full, if they cover the span.
    """

    def __init__(self, span: int, *, least: int = 3) -> None:
        self.span = span
        self.least = least
        self._points: deque[tuple[int, float]] = deque()
        self._began: int | None = None

    def add(self, step: int, value: float) -> None:
        """Add the value of a step, later than all before."""
        if math.isnan(value):
            return
        if self._began is None:
            self._began = step
        self._points.append((step, value))
        # what is older than the span goes, but for the few that make a median
        while self._points[0][0] < step - self.span and len(self._points) > self.least:
            self._points.popleft()

    def __len__(self) -> int:
        """Values it holds."""
        return len(self._points)

    @property
    def full(self) -> bool:
        """Whether it has seen the whole span, and enough values."""
        if self._began is None or len(self._points) < self.least:
            return False
        return self._points[-1][0] - self._began >= self.span

    @property
    def first_step(self) -> int:
        """The step of its oldest value."""
        return self._points[0][0]

    @property
    def values(self) -> list[float]:
        """Its values, oldest first."""
        return [value for _, value in self._points]

    @property
    def median(self) -> float:
        """Their median; nan while there are none."""
        return median(self.values) if self._points else math.nan


class LossTrend(RunningMedian):
    """Losses over some steps: compares the newest with that of a constant guess, and with earlier.

    Args:
        patience: Optimiser steps over which losses are compared.
        fall: Share by which a loss has to be lower to count as lower.
        guess: Loss of the best constant guess, see `guess_loss`.
    """

    def __init__(self, patience: int, *, fall: float, guess: float) -> None:
        super().__init__(patience)
        self.fall = fall
        self.guess = guess

    @property
    def stuck(self) -> bool:
        """Whether it was no better than a guess, and not falling, over `patience` steps."""
        now, before = median(self.values[-3:]), median(self.values[:3])
        return self.full and now > (1 - self.fall) * max(self.guess, before)

    @property
    def learned(self) -> bool:
        """Whether it is clearly below that of a guess."""
        return median(self.values[-3:]) < (1 - 2 * self.fall) * self.guess

    def jumped_back(self, loss: float, usual: float) -> bool:
        """Whether a loss is no better than a guess, and far above the usual one."""
        return loss > (1 - self.fall) * self.guess and loss > JUMP * usual


def guess_loss(examples: Examples | Stream, kind: Kind) -> float:
    """The loss of a model that knows how frequent each answer is, and nothing of the input.

    The entropy of labels, tags or tokens in nats; the variance of values, the mean over their
    columns. It is what the tasks' losses (cross entropy and mean squared error, without label
    smoothing) fall to before anything is learned from the sequences.

    Args:
        examples: The training split.
        kind: What its targets are.
    """
    target = examples.target
    if isinstance(target, Ragged):
        ids = target.values
        if kind == "tokens":  # `<s>` is not predicted
            ids = np.delete(ids, target.offsets[:-1][target.lengths > 0])
    elif kind == "values":
        return float(target.astype(np.float64).var(axis=0).mean())
    else:
        ids = target.ravel()
    _, counts = np.unique(ids[ids != IGNORE], return_counts=True)
    shares = counts / max(1, counts.sum())
    return math.fsum(-shares * np.log(shares))
