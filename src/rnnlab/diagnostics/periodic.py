"""When an instrument measures: at its interval, within its share of the time."""

from collections.abc import Iterator
from contextlib import contextmanager

from lightning import Callback, Trainer

from rnnlab.config.types import PositiveInt
from rnnlab.diagnostics.throughput import Throughput


class PeriodicInstrument(Callback):
    """Base of the instruments that measure at some optimiser steps only.

    It measures at the first step and at every `every_n_steps`-th one. With a `max_overhead` (see
    `Throughput`) a measurement is skipped while the instrument has cost more than that share of
    the time spent in training steps so far, measuring included, validation not. So it never
    measures more often than its interval says, and over a training it takes at most its share and
    one measurement. A resumed run counts from zero.

    The cost is the host's time in the instrument's own hooks, without the figures drawn after a
    validation. On a GPU, work that is not waited for costs its launch alone.

    Args:
        every_n_steps: Interval in optimiser steps; the first step is always measured.

    Attributes:
        seconds: Spent in its own hooks so far.
    """

    def __init__(self, *, every_n_steps: PositiveInt = 50) -> None:
        self.every_n_steps = every_n_steps
        self.seconds = 0.0
        self._began: float | None = None
        self._measured_at = -1

    def is_due(self, trainer: Trainer) -> bool:
        """Whether to measure at the current optimiser step; True at most once a step."""
        step = trainer.global_step
        at_interval = step == 0 or (step + 1) % self.every_n_steps == 0
        if step == self._measured_at or not at_interval:
            return False
        share = throughput_of(trainer).max_overhead
        if share is not None and not self.affordable(trainer, share):
            return False
        self._measured_at = step
        return True

    def affordable(self, trainer: Trainer, share: float) -> bool:
        """Whether the cost so far is no more than a share of the time since the first call."""
        seconds = throughput_of(trainer).total.seconds
        if self._began is None:
            self._began = seconds
            return True
        return self.cost <= share * (seconds - self._began)

    @property
    def cost(self) -> float:
        """Seconds that measuring took so far."""
        return self.seconds

    @contextmanager
    def timed(self, trainer: Trainer) -> Iterator[None]:
        """Count the time in a `with` block as the instrument's own."""
        clock = throughput_of(trainer).clock
        started = clock()
        try:
            yield
        finally:
            self.seconds += clock() - started


def seconds_of_all(trainer: Trainer) -> float:
    """Seconds that all of a run's instruments spent in hooks of their own."""
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return sum(each.seconds for each in callbacks if isinstance(each, PeriodicInstrument))


def throughput_of(trainer: Trainer) -> Throughput:
    """The run's clock."""
    found: Throughput = next(c for c in trainer.callbacks if isinstance(c, Throughput))  # type: ignore[attr-defined]
    return found


class PassOverhead:
    """The time that watching adds to forward and backward passes, against those not watched.

    Batches differ in length, so what is compared is the time by padded source token: the excess
    is seconds of the watched passes less what as many tokens take without. The first pass of a
    process, which makes buffers and chooses kernels, is left out.
    """

    def __init__(self) -> None:
        self._sums = {False: [0.0, 0], True: [0.0, 0]}
        self._warm = False

    def add(self, seconds: float, tokens: int, *, watched: bool) -> None:
        """Count one pass."""
        if self._warm:
            self._sums[watched][0] += seconds
            self._sums[watched][1] += tokens
        self._warm = True

    @property
    def excess(self) -> float:
        """Seconds, at least 0; infinite while there is nothing to compare with."""
        (plain, usual), (seconds, tokens) = self._sums[False], self._sums[True]
        if not usual:
            return float("inf")
        return max(0.0, seconds - tokens * plain / usual)
