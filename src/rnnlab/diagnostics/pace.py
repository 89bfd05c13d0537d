"""How often an instrument measures: at its interval, or as its share of the time allows."""

from collections.abc import Iterator
from contextlib import contextmanager

from lightning import Callback, Trainer

from rnnlab.diagnostics.board import board_of
from rnnlab.diagnostics.throughput import Throughput
from rnnlab.errors import ConfigError


class Paced(Callback):
    """An instrument that measures at some optimiser steps only.

    It measures at the first step and at every `every_n_steps`-th one. With a `max_overhead` it
    leaves out those of them at which what it has cost so far is more than that share of the time
    spent in training steps so far (`Throughput`: measuring included, validation not). So it never
    measures more often than its interval says, and over a training it takes its share and one
    measurement at most. Counts are those of one process: a resumed run begins anew.

    The cost is the host's time in the instrument's own hooks; figures, drawn at a validation, are
    not in it. On a GPU what is launched and not waited for costs its launch, and what is waited for
    also the steps before it.

    Args:
        name: The instrument's, in the configuration.
        every_n_steps: Least interval in optimiser steps.

    Attributes:
        max_overhead: Share of the training time; None measures at fixed intervals, and reads no
            clock.
        spent: Seconds in its own hooks so far; counted where there is a `max_overhead`.

    Raises:
        ConfigError: The interval is less than 1.
    """

    def __init__(self, name: str, every_n_steps: int) -> None:
        if every_n_steps < 1:
            raise ConfigError(
                f"diagnostics.{name}.every_n_steps: {every_n_steps} is not at least 1"
            )
        self.every_n_steps = every_n_steps
        self.max_overhead: float | None = None
        self.spent = 0.0
        self._began: float | None = None

    def due(self, trainer: Trainer) -> bool:
        """Whether to measure at the optimiser step that is being made."""
        if not board_of(trainer).due(trainer, self.every_n_steps):
            return False
        return self.max_overhead is None or self.affordable(trainer, self.max_overhead)

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
        return self.spent

    @contextmanager
    def spending(self, trainer: Trainer) -> Iterator[None]:
        """Count the time in a `with` block as the instrument's own."""
        if self.max_overhead is None:
            yield
            return
        clock = throughput_of(trainer).clock
        started = clock()
        try:
            yield
        finally:
            self.spent += clock() - started


def spent_by_all(trainer: Trainer) -> float:
    """Seconds that all of a run's instruments spent in hooks of their own."""
    callbacks: list[Callback] = trainer.callbacks  # type: ignore[attr-defined]
    return sum(each.spent for each in callbacks if isinstance(each, Paced))


def throughput_of(trainer: Trainer) -> Throughput:
    """What knows the time of the training."""
    found: Throughput = next(c for c in trainer.callbacks if isinstance(c, Throughput))  # type: ignore[attr-defined]
    return found


class Passes:
    """What watching adds to forward and backward passes, by comparison with those not watched.

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
        """Seconds; infinite while there is nothing to compare with, at least 0."""
        (plain, usual), (seconds, tokens) = self._sums[False], self._sums[True]
        if not usual:
            return float("inf")
        return max(0.0, seconds - tokens * plain / usual)
