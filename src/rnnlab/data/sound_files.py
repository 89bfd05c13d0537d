"""Sound files: WAV, FLAC and others, whole or from an archive."""

from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rnnlab.data.reading import broken_files
from rnnlab.errors import ConfigError, DataError

LONGEST = 1 << 28
"""So many samples, of all channels, are read at once: 1 GiB, some 90 minutes of a compact disc.

A file of some kilobytes can announce or hold more of them than memory does.
"""


class Sound(NamedTuple):
    """What a file holds.

    Attributes:
        wave: Samples between -1 and 1, the mean of all channels, float32 (L,).
        rate: Samples a second.
        channels: How many there were.
    """

    wave: np.ndarray
    rate: int
    channels: int

    @property
    def seconds(self) -> float:
        """How long it is."""
        return len(self.wave) / self.rate


def read_sound(path: Path, content: bytes | None = None) -> Sound:
    """A sound file.

    Args:
        path: The file, or what to call the content in messages.
        content: Its bytes, where they are already read (from an archive, say).

    Raises:
        DataError: Missing, empty, no sound file, or one that is too long.
        ConfigError: The package `soundfile` is missing.
    """
    library = soundfile()
    if content is None:
        with broken_files(path):
            content = path.read_bytes()
    if not content:
        raise DataError(f"{path}: an empty file")
    try:
        with library.SoundFile(BytesIO(content)) as file:
            if file.frames * file.channels > LONGEST:
                raise DataError(
                    f"{path}: {file.frames:,} samples of {file.channels} channels, more than "
                    f"{LONGEST:,}: damaged, or to be cut into shorter ones"
                )
            samples, rate = file.read(dtype="float32", always_2d=True), file.samplerate
    except library.SoundFileError as error:
        reason = str(getattr(error, "error_string", error)).rstrip(".")
        raise DataError(f"{path}: no sound file that can be read ({reason})") from None
    if not len(samples):
        raise DataError(f"{path}: a sound file without samples")
    return Sound(mixed_down(samples, str(path)), int(rate), samples.shape[1])


def mixed_down(samples: np.ndarray, name: str) -> np.ndarray:
    """The mean of the channels, float32 (L,).

    Args:
        samples: Numbers between -1 and 1, or signed integers, (L,) or (L, channels).
        name: What to call them in messages.

    Raises:
        DataError: No such array, or not all samples are finite.
    """
    if samples.ndim not in (1, 2) or samples.dtype.kind not in "if" or not samples.size:
        raise DataError(f"{name}: {samples.dtype} {samples.shape} is no wave (L,) of numbers")
    if samples.dtype.kind == "i":
        samples = samples / -float(np.iinfo(samples.dtype).min)
    wave = np.asarray(samples if samples.ndim == 1 else samples.mean(axis=1), dtype=np.float32)
    if not np.isfinite(wave).all():
        raise DataError(f"{name}: a sample is not a finite number")
    return wave


def is_sound(path: Path) -> bool:
    """Whether the name of a file ends as sound files' do."""
    return path.suffix[1:].upper() in soundfile().available_formats()


def soundfile() -> Any:
    """The library that reads sound files.

    Raises:
        ConfigError: It is missing, or scipy, which is of the same extra.
    """
    try:
        import scipy.signal  # noqa: F401 - missed before a recording needs it
        import soundfile
    except (ImportError, OSError) as error:  # OSError: without the library behind it
        name = getattr(error, "name", None) or "soundfile"
        reason = f"({error})" if isinstance(error, OSError) else "is missing"
        raise ConfigError(
            f"sound files: {name.partition('.')[0]} {reason}; pip install 'rnnlab[speech]'"
        ) from None
    return soundfile
