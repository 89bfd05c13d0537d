"""The curves of a whole training, in one small file of the run's folder."""

import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnnlab.diagnostics.naming import current_name
from rnnlab.diagnostics.stats import Curve
from rnnlab.files import read_arrays, replacing

_log = logging.getLogger(__name__)

MAX_SAMPLES = 400
"""Samples that are kept; when there are more, every second one is dropped, and so on."""


class CurveHistory:
    """Curves by layer and training step; the file holds three arrays.

    Array  | Shape     | Meaning
    steps  | (S,)      | optimiser steps at which was sampled, ascending
    layers | (N,)      | names: `encoder.0.forward`; `encoder.0.forward/cell` of an LSTM's c
    decades| (S, N, K) | log10 of the norm by lag 0 .. K-1; nan where there is none

    `np.load(path)` reads it. A reader never finds half a file.

    Attributes:
        path: The file.
        steps: See above.
        layers: See above.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.steps: list[int] = []
        self.layers: list[str] = []
        self._curves: list[dict[str, NDArray[np.float32]]] = []
        self._stride = 1
        self._count = 0

    def __len__(self) -> int:
        """Samples that are kept."""
        return len(self.steps)

    def add(self, step: int, curves: Mapping[str, Curve]) -> None:
        """Keep the curves of one step; thin out where there are too many."""
        self._count += 1
        if (self._count - 1) % self._stride:
            return
        self.layers += [name for name in curves if name not in self.layers]
        self.steps.append(step)
        self._curves.append({n: c.decades.astype(np.float32) for n, c in curves.items()})
        if len(self.steps) > MAX_SAMPLES:
            self.steps, self._curves = self.steps[::2], self._curves[::2]
            self._stride *= 2

    def decades(self) -> NDArray[np.float32]:
        """All curves, (S, N, K)."""
        longest = max((len(c) for sample in self._curves for c in sample.values()), default=0)
        result = np.full((len(self.steps), len(self.layers), longest), np.nan, dtype=np.float32)
        for row, sample in enumerate(self._curves):
            for name, curve in sample.items():
                result[row, self.layers.index(name), : len(curve)] = curve
        return result

    def save(self) -> None:
        """Write the file."""
        with replacing(self.path) as file:
            np.savez(
                file,
                steps=np.array(self.steps, dtype=np.int64),
                layers=np.array(self.layers, dtype=np.str_),
                decades=self.decades(),
            )

    def resume(self, step: int) -> None:
        """Continue what the file holds of the steps up to the one that training goes on from.

        A damaged file is told and written anew.
        """
        if not self.path.exists():
            return
        try:
            with self.path.open("rb") as stream:
                file = read_arrays(stream)
                steps, decades = file["steps"], file["decades"]
                layers = [current_name(name) for name in file["layers"].tolist()]
            keep = steps <= step
            curves = [dict(zip(layers, sample, strict=True)) for sample in decades[keep]]
        except (OSError, EOFError, LookupError, TypeError, ValueError) as error:
            _log.warning("%s: damaged, begun anew (%s)", self.path, error)
            return
        self.steps, self.layers, self._curves = steps[keep].tolist(), layers, curves
        self._count = len(self.steps)
