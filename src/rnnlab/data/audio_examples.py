"""Batches of recordings: normalised, and in training masked."""

from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np
from torch import Tensor

from rnnlab.data.audio import LogMel, pad_features
from rnnlab.data.batch import Batch
from rnnlab.data.examples import BatchLoader, Examples


@dataclass(frozen=True)
class Masks:
    """How much of a training recording is hidden: SpecAugment (Park et al. 2019, arXiv:1904.08779).

    Attributes:
        time: Stretches of frames that are hidden in each recording.
        time_frames: Longest stretch in frames; also at most a fifth of the recording.
        mel: Bands of features that are hidden in each recording.
        mel_features: Widest band.
        from_epoch: The first epoch, from 0, in which anything is hidden.
    """

    time: int = 0
    time_frames: int = 20
    mel: int = 0
    mel_features: int = 8
    from_epoch: int = 0

    def hide(self, inputs: Tensor, lengths: Tensor, rng: np.random.Generator) -> None:
        """Set stretches and bands of a batch (B, T, F) to 0, the mean, in place."""
        for row, frames in zip(inputs, lengths.tolist(), strict=True):
            for _ in range(self.time):
                start, end = _stretch(frames, min(self.time_frames, frames // 5), rng)
                row[start:end] = 0
            for _ in range(self.mel):
                start, end = _stretch(row.shape[1], self.mel_features, rng)
                row[:, start:end] = 0


def _stretch(size: int, longest: int, rng: np.random.Generator) -> tuple[int, int]:
    length = int(rng.integers(0, min(longest, size), endpoint=True))
    start = int(rng.integers(0, size - length, endpoint=True))
    return start, start + length


@dataclass(frozen=True)
class AudioExamples(Examples):
    """Recordings; `inputs` are log-mels, values (total, F), that `audio` normalises.

    Attributes:
        audio: How.
        masks: What is hidden in training.
        short_first: The batches of the first epoch come in order of their length, short ones first
            (SortaGrad, Amodei et al. 2016, arXiv:1512.02595).
    """

    _: KW_ONLY
    audio: LogMel
    masks: Masks
    short_first: bool

    def padded(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """See the base class; normalised."""
        return pad_features([self.audio.normalize(self.inputs[row]) for row in rows])

    def loader(self, batch_size: int, **options: Any) -> "AudioLoader":
        """See the base class."""
        return AudioLoader(self, batch_size, **options)


class AudioLoader(BatchLoader):
    """Batches of recordings."""

    data: AudioExamples

    def plan(self) -> list[np.ndarray]:
        """See the base class; in the first epoch short ones first, where that is asked for."""
        plan = super().plan()
        if self.shuffle and self.epoch == 0 and self.data.short_first:
            lengths = self.data.lengths
            plan.sort(key=lambda rows: lengths[rows].max())
        return plan

    def make(self, item: np.ndarray) -> Batch:
        """See the base class; masked in training."""
        batch = super().make(item)
        masks = self.data.masks
        if self.shuffle and self.epoch >= masks.from_epoch:
            rng = np.random.default_rng((self.seed, self.epoch, int(item[0])))
            masks.hide(batch.inputs, batch.lengths, rng)
        return batch
