"""Sequences of unequal length as flat arrays, gathered into batches without a Python loop."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Ragged:
    """N sequences, of integers or of vectors, one behind the other.

    Attributes:
        values: All elements, int32 (total,) or float32 (total, F).
        offsets: Where each sequence starts, and the end, int64 (N + 1,).
    """

    values: np.ndarray
    offsets: np.ndarray

    @classmethod
    def from_lists(cls, sequences: Iterable[Iterable[int]]) -> "Ragged":
        """Pack Python sequences."""
        arrays = [np.fromiter(sequence, dtype=np.int32) for sequence in sequences]
        values = np.concatenate(arrays) if arrays else np.zeros(0, dtype=np.int32)
        return cls.from_lengths(values, np.array([len(a) for a in arrays], dtype=np.int64))

    @classmethod
    def from_lengths(cls, values: np.ndarray, lengths: np.ndarray) -> "Ragged":
        """Elements one behind the other, and the length of each sequence."""
        return cls(values, _offsets(lengths))

    def __len__(self) -> int:
        """Number of sequences N."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Length of each sequence, int64 (N,)."""
        return np.diff(self.offsets)

    def __getitem__(self, index: int) -> np.ndarray:
        """One sequence, a view."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def select(self, rows: np.ndarray) -> "Ragged":
        """Some of the sequences, in the order of `rows`."""
        return self._gather(self.offsets[rows], self.offsets[rows + 1] - self.offsets[rows])

    @classmethod
    def from_rows(cls, rows: np.ndarray) -> "Ragged":
        """Pack sequences of one length, (N, T)."""
        return cls.from_lengths(rows.reshape(-1), np.full(len(rows), rows.shape[1]))

    def cut(self, max_length: int | None) -> "Ragged":
        """Every sequence cut to its first `max_length` elements; None for no limit."""
        lengths = self.lengths
        if max_length is None or lengths.max(initial=0) <= max_length:
            return self
        return self._gather(self.offsets[:-1], np.minimum(lengths, max_length))

    def take(self, table: np.ndarray) -> "Ragged":
        """Every element replaced by its entry in `table` (V,)."""
        return Ragged(np.take(table.astype(np.int32), self.values), self.offsets)

    def framed(self, start: int | None, end: int) -> "Ragged":
        """Every sequence with `start` before (None: nothing) and `end` behind it."""
        marks = [end] if start is None else [start, end]
        # of what comes to one place the first in the list comes first: an end, then a start
        places = np.stack([self.offsets[:-1], self.offsets[1:]], axis=1)[:, -len(marks) :]
        values = np.insert(self.values, places.reshape(-1), np.tile(marks, len(self)))
        return Ragged(values, self.offsets + len(marks) * np.arange(len(self.offsets)))

    def pad(self, rows: np.ndarray, fill: int) -> tuple[Int[Tensor, "B T"], Int[Tensor, "B"]]:
        """The chosen sequences of integers, right padded, and their lengths; both int64."""
        starts = self.offsets[rows]
        lengths = self.offsets[rows + 1] - starts
        steps = np.arange(max(1, int(lengths.max(initial=0))))
        valid = steps < lengths[:, None]
        padded = np.full(valid.shape, fill, dtype=np.int64)
        padded[valid] = self.values[(starts[:, None] + steps)[valid]]
        return torch.from_numpy(padded), torch.from_numpy(lengths)

    def _gather(self, starts: np.ndarray, lengths: np.ndarray) -> "Ragged":
        offsets = _offsets(lengths)
        index = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], lengths)
        return Ragged(self.values[index], offsets)


def _offsets(lengths: np.ndarray) -> np.ndarray:
    return np.concatenate([[0], np.cumsum(lengths)])
