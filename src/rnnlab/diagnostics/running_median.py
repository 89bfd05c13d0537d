"""A running median over the last optimiser steps."""

import math
from collections import deque
from statistics import median


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
