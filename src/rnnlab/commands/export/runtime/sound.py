"""From sound files to what a graph reads: log-mel features, as Kaldi computes them."""

from collections.abc import Iterator, Mapping, Sequence
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np

Feeds = dict[str, np.ndarray]
SCALE = 2**15
PREEMPHASIS = 0.97
LOWEST_HZ = 20.0
POWER_FLOOR = 1.0
LEAST_DEVIATION = 0.1


class Sounds:
    """Recordings as features; see `rnnlab.data.audio.LogMel`.

    Args:
        options: Its attributes.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.rate, self.num_mels = options["sample_rate"], options["num_mels"]
        self.size = max(2, int(self.rate * options["window_ms"] / 1000))
        self.hop = max(1, int(self.rate * options["hop_ms"] / 1000))
        self.utterance = options["normalization"] == "utterance"
        self.mean = np.array(options["mean"], np.float32)
        self.std = np.array(options["std"], np.float32)
        self.padded = 1 << (self.size - 1).bit_length()
        self.window = np.hanning(self.size) ** 0.85
        self.mels = mel_filters(self.num_mels, self.padded, self.rate)

    def read(self, path: str | Path) -> np.ndarray:
        """The features (T, F) of a sound file."""
        import soundfile

        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        return self.features(samples.mean(axis=1), rate)

    def features(self, wave: np.ndarray, rate: int) -> np.ndarray:
        """The features (T, F) of samples between -1 and 1 (L,)."""
        if rate != self.rate:
            from scipy.signal import resample_poly

            common = gcd(rate, self.rate)
            wave = resample_poly(wave, self.rate // common, rate // common)
        samples = np.asarray(wave, np.float64) * SCALE
        frames = np.lib.stride_tricks.sliding_window_view(samples, self.size)[:: self.hop]
        frames = frames - frames.mean(axis=1, keepdims=True)
        emphasized = frames.copy()
        emphasized[:, 1:] -= PREEMPHASIS * frames[:, :-1]
        spectrum = np.fft.rfft(emphasized * self.window, self.padded)
        energies = np.abs(spectrum) ** 2 @ self.mels.T
        log_mels = np.log(np.maximum(energies, POWER_FLOOR)).astype(np.float32)
        mean, std = self.mean, self.std
        if self.utterance:
            mean, std = log_mels.mean(axis=0), log_mels.std(axis=0)
        normal: np.ndarray = (log_mels - mean) / np.maximum(std, LEAST_DEVIATION)
        return normal.astype(np.float32)

    def batch(self, items: Sequence[np.ndarray]) -> Feeds:
        """Features as one padded batch."""
        lengths = np.array([len(item) for item in items], np.int64)
        inputs = np.zeros((len(items), int(lengths.max()), self.num_mels), np.float32)
        for row, item in zip(inputs, items, strict=True):
            row[: len(item)] = item
        return {"inputs": inputs, "lengths": lengths}


def sound_paths(name: str, lines: Iterator[str]) -> Iterator[Path]:
    """The sound file, or the paths in a list, relative to it."""
    import soundfile

    if Path(name).suffix[1:].upper() in soundfile.available_formats():
        yield Path(name)
        return
    yield from (Path(name).parent / line.strip() for line in lines if line.strip())


def mel_filters(num_mels: int, size: int, rate: int) -> np.ndarray:
    """Triangles on the mel scale: weights of the bins of a spectrum (F, size / 2 + 1)."""
    low, high = _mel(np.float64(LOWEST_HZ)), _mel(np.float64(rate / 2))
    corners = np.linspace(low, high, num_mels + 2)[:, None]
    bins = _mel(np.arange(size // 2 + 1) * (rate / size))
    width = (high - low) / (num_mels + 1)
    triangles = np.minimum((bins - corners[:-2]) / width, (corners[2:] - bins) / width)
    weights: np.ndarray = np.maximum(triangles, 0)
    return weights


def _mel(hertz: Any) -> Any:
    return 1127 * np.log1p(hertz / 700)
