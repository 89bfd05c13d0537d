"""Sequences of unequal length as flat arrays, gathered into batches without a Python loop."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Ragged:
    """N integer sequences, one behind the other.

    Attributes:
        values: All elements, int32 (total,).
        offsets: Where each sequence starts, and the end, int64 (N + 1,).
    """

    values: np.ndarray
    offsets: np.ndarray

    @classmethod
    def from_lists(cls, sequences: Iterable[Iterable[int]]) -> "Ragged":
        """Pack Python sequences."""
        arrays = [np.fromiter(sequence, dtype=np.int32) for sequence in sequences]
        offsets = np.zeros(len(arrays) + 1, dtype=np.int64)
        np.cumsum([len(array) for array in arrays], out=offsets[1:])
        values = np.concatenate(arrays) if arrays else np.zeros(0, dtype=np.int32)
        return cls(values, offsets)

    def __len__(self) -> int:
        """Number of sequences N."""
        return len(self.offsets) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Length of each sequence, int64 (N,)."""
        return np.diff(self.offsets)

    def __getitem__(self, index: int) -> np.ndarray:
        """One sequence, a view."""
        return self.values[self.offsets[index] : self.offsets[index + 1]]

    def select(self, rows: np.ndarray) -> "Ragged":
        """Some of the sequences, in the order of `rows`."""
        lengths = self.lengths[rows]
        offsets = np.zeros(len(rows) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        index = np.arange(offsets[-1]) + np.repeat(self.offsets[rows] - offsets[:-1], lengths)
        return Ragged(self.values[index], offsets)

    def cut(self, max_length: int) -> "Ragged":
        """Every sequence cut to its first `max_length` elements."""
        lengths = np.minimum(self.lengths, max_length)
        offsets = np.zeros(len(self) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        index = np.arange(offsets[-1]) + np.repeat(self.offsets[:-1] - offsets[:-1], lengths)
        return Ragged(self.values[index], offsets)

    def pad(self, rows: np.ndarray, fill: int) -> tuple[Int[Tensor, "B T"], Int[Tensor, "B"]]:
        """The chosen sequences, right padded with `fill` (int64), and their lengths (int64)."""
        lengths = self.lengths[rows]
        steps = np.arange(max(1, int(lengths.max(initial=0))))
        valid = steps < lengths[:, None]
        padded = np.full(valid.shape, fill, dtype=np.int64)
        padded[valid] = self.values[(self.offsets[rows][:, None] + steps)[valid]]
        return torch.from_numpy(padded), torch.from_numpy(lengths)
