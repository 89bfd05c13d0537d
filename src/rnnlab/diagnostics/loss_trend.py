"""Whether a training loss says that the run learns."""

import math
from statistics import median

import numpy as np

from rnnlab.data.batch import IGNORE
from rnnlab.data.examples import Examples
from rnnlab.data.ragged import Ragged
from rnnlab.data.spec import Kind
from rnnlab.data.stream import Stream
from rnnlab.diagnostics.running_median import RunningMedian

JUMP = 1.5
"""A loss above this multiple of the usual one is no noise."""


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
