"""From a sound wave to log-mel features: what a model of speech hears."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from typing import Any, Literal, Self

import numpy as np
import torch
from torch import Tensor

from rnnlab.errors import DataError

Normalization = Literal["training", "utterance"]
"""Where the mean and the deviation of a feature come from: the training data, or the recording."""

SCALE = 2**15
"""Samples are taken as 16-bit integers, as Kaldi does."""
PREEMPHASIS = 0.97
LOWEST_HZ = 20.0
POWER_FLOOR = 1.0
"""Energies below it count as it: log-mels are never below 0."""
LEAST_DEVIATION = 0.1
"""Of a feature that never changes (a mel above all that was recorded, say)."""


@dataclass(frozen=True)
class LogMel:
    """How features are made: the logarithms of mel energies, as Kaldi computes them.

    Samples are scaled to 16-bit integers. A frame is `window_ms` long and starts every `hop_ms`;
    only whole frames count (`snip_edges`). From each frame its mean is subtracted, then x[n] - 0.97
    x[n - 1] is taken, then a Povey window (a Hann window to the power 0.85). The power spectrum of
    the frame, padded with zeros to a power of two, goes through `num_mels` triangles whose corners
    are equally spaced from 20 Hz to half of the rate on the scale 1127 ln(1 + f / 700). The natural
    logarithm of max(energy, 1) is a feature. No noise is added (`dither=0`). The result is that of
    `kaldi-native-fbank` with these options.

    Attributes:
        sample_rate: Samples a second; other recordings are resampled.
        num_mels: Features F of a frame.
        window_ms: Length of a frame, in milliseconds.
        hop_ms: From the start of one frame to that of the next, in milliseconds.
        normalization: Which mean and deviation `normalize` uses.
        mean: Of each feature over all training frames; empty before they are known.
        std: Their standard deviations.
    """

    sample_rate: int
    num_mels: int = 40
    window_ms: float = 25.0
    hop_ms: float = 10.0
    normalization: Normalization = "training"
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @property
    def window(self) -> int:
        """Samples of a frame."""
        return max(2, int(self.sample_rate * self.window_ms / 1000))

    @property
    def hop(self) -> int:
        """Samples from one frame to the next."""
        return max(1, int(self.sample_rate * self.hop_ms / 1000))

    def log_mels(self, wave: np.ndarray, rate: int) -> np.ndarray:
        """Features as they are, float32 (T, F).

        Args:
            wave: Samples between -1 and 1, (L,).
            rate: Samples a second.

        Raises:
            DataError: Shorter than one frame.
        """
        samples = torch.from_numpy(resampled(wave, rate, self.sample_rate)).double() * SCALE
        size, hop = self.window, self.hop
        if len(samples) < size:
            seconds = len(samples) / self.sample_rate
            raise DataError(f"{seconds:.3f} s, shorter than a frame of {self.window_ms:g} ms")
        padded, window, offset, mels = _constants(size, self.sample_rate, self.num_mels)
        emphasized = samples.clone()  # the first sample of a frame has no weight in the window
        emphasized[1:] -= PREEMPHASIS * samples[:-1]
        left = (padded - size) // 2  # `stft` puts the window in the middle of its frames
        emphasized = torch.nn.functional.pad(emphasized, (left, padded - size - left))
        spectrum = torch.stft(
            emphasized, padded, hop, size, window, center=False, return_complex=True
        )
        # of a frame whose mean is subtracted first: the transform is linear
        spectrum -= (1 - PREEMPHASIS) * samples.unfold(0, size, hop).mean(dim=1) * offset
        energies = mels @ spectrum.abs().square()
        return energies.clamp_(min=POWER_FLOOR).log_().T.float().contiguous().numpy()

    def normalize(self, log_mels: np.ndarray) -> np.ndarray:
        """Features of mean 0 and deviation 1, float32 (T, F)."""
        if self.normalization == "utterance":
            mean, std = log_mels.mean(axis=0), log_mels.std(axis=0)
        else:
            mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        normal: np.ndarray = (log_mels - mean) / np.maximum(std, LEAST_DEVIATION)
        return normal.astype(np.float32, copy=False)

    def features(self, wave: np.ndarray, rate: int) -> np.ndarray:
        """What the model reads of a wave, float32 (T, F); see `log_mels` and `normalize`."""
        return self.normalize(self.log_mels(wave, rate))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for a checkpoint."""
        return asdict(self) | {"mean": list(self.mean), "std": list(self.std)}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`.

        Raises:
            TypeError, ValueError: Other values than `to_dict` gives.
        """
        made = cls(**dict(state) | {key: tuple(map(float, state[key])) for key in ("mean", "std")})
        if not {len(made.mean), len(made.std)} <= {0, made.num_mels}:
            raise ValueError(f"{len(made.mean)} means, {made.num_mels} features")
        return made


def pad_features(sequences: Sequence[np.ndarray]) -> tuple[Tensor, Tensor]:
    """Features of several recordings (B, T, F), right padded with 0, and their frames (B,)."""
    lengths = torch.tensor([len(sequence) for sequence in sequences])
    inputs = torch.zeros(len(sequences), int(lengths.max()), sequences[0].shape[1])
    for row, sequence in zip(inputs, sequences, strict=True):
        row[: len(sequence)] = torch.from_numpy(sequence)
    return inputs, lengths


def resampled(wave: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    """A wave at another rate (L * wanted / rate,), by scipy's polyphase filter."""
    if rate == wanted:
        return wave
    from scipy.signal import resample_poly

    common = int(np.gcd(rate, wanted))
    return np.ascontiguousarray(resample_poly(wave, wanted // common, rate // common))


@cache
def _constants(size: int, rate: int, num_mels: int) -> tuple[int, Tensor, Tensor, Tensor]:
    """Samples of a padded frame; window, its spectrum as a column, and triangles (F, bins)."""
    padded = 1 << (size - 1).bit_length()
    window = torch.hann_window(size, periodic=False, dtype=torch.float64) ** 0.85
    left = (padded - size) // 2
    offset = torch.fft.rfft(torch.nn.functional.pad(window, (left, padded - size - left)))
    return padded, window, offset[:, None], mel_filters(num_mels, padded, rate)


def mel_filters(num_mels: int, size: int, rate: int) -> Tensor:
    """Triangles on the mel scale: weights of the bins of a spectrum, float64 (F, size / 2 + 1)."""
    low, high = _mel(LOWEST_HZ), _mel(rate / 2)
    corners = torch.linspace(low, high, num_mels + 2, dtype=torch.float64)[:, None]
    bins = _mel(torch.arange(size // 2 + 1, dtype=torch.float64) * (rate / size))
    width = (high - low) / (num_mels + 1)
    rising, falling = (bins - corners[:-2]) / width, (corners[2:] - bins) / width
    return torch.minimum(rising, falling).clamp(min=0)


def _mel(hertz: Any) -> Any:
    return 1127 * torch.log1p(torch.as_tensor(hertz, dtype=torch.float64) / 700)
