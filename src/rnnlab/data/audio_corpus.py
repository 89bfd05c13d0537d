"""Recordings as features with their texts: what is cached."""

import json
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO, NamedTuple, Self

import numpy as np

from rnnlab.data.audio import LogMel, resampled
from rnnlab.data.ragged import Ragged
from rnnlab.data.sound_files import Sound
from rnnlab.errors import DataError, shortened
from rnnlab.files import read_arrays


class Recording(NamedTuple):
    """One recording as a corpus gives it.

    Attributes:
        sound: The wave.
        text: What is said.
        place: Where it stands, for messages: file:line, or a file.
    """

    sound: Sound
    text: str
    place: str


@dataclass(frozen=True)
class AudioCorpus:
    """The recordings of a split.

    Attributes:
        log_mels: Features, not normalised, values float32 (total, F).
        texts: What is said in each.
        places: Where each stands.
        rates: Samples a second of each before it was resampled, int32 (N,).
        channels: Channels of each, int32 (N,).
    """

    log_mels: Ragged
    texts: list[str]
    places: list[str]
    rates: np.ndarray
    channels: np.ndarray

    def remarks(self, split: str, rate: int) -> list[str]:
        """What was done to recordings so that a model of this rate hears them."""
        found, of = [], f"of {len(self.texts):,} {split} recordings"
        mixed = int((self.channels > 1).sum())
        if mixed:
            found.append(f"{mixed:,} {of} have several channels: their mean is taken")
        count = int((self.rates != rate).sum())
        if count:
            others = sorted(set(self.rates.tolist()) - {rate})
            rates = shortened([f"{other:,}" for other in others])
            found.append(f"{count:,} {of} are resampled from {rates} to {rate:,} Hz")
        return found

    def write(self, stream: IO[bytes]) -> None:
        """Save to a binary stream."""
        strings = np.frombuffer(json.dumps([self.texts, self.places]).encode(), dtype=np.uint8)
        numbers = self.log_mels.values, self.log_mels.offsets, self.rates, self.channels
        np.savez(stream, *numbers, strings)

    @classmethod
    def read(cls, stream: IO[bytes]) -> Self:
        """Inverse of `write`."""
        values, offsets, rates, channels, strings = read_arrays(stream).values()
        texts, places = json.loads(strings.tobytes())
        return cls(Ragged(values, offsets), texts, places, rates, channels)


def at_speeds(recordings: Iterable[Recording]) -> Iterator[Recording]:
    """Each recording as it is, 10 % slower and 10 % faster; the pitch changes as well."""
    for recording in recordings:
        yield recording
        for tenths in (9, 11):
            wave = resampled(recording.sound.wave, tenths, 10)
            yield recording._replace(sound=recording.sound._replace(wave=wave))


def hear(recordings: Iterable[Recording], audio: LogMel) -> AudioCorpus:
    """The features of recordings; one wave at a time is in memory.

    Raises:
        DataError: One is shorter than a frame; names its place.
    """
    values, lengths = array("f"), []
    texts, places, rates, channels = [], [], [], []
    for sound, text, place in recordings:
        try:
            log_mels = audio.log_mels(sound.wave, sound.rate)
        except DataError as error:
            raise DataError(f"{place}: {error}") from None
        values.frombytes(log_mels.tobytes())
        lengths.append(len(log_mels))
        texts.append(text)
        places.append(place)
        rates.append(sound.rate)
        channels.append(sound.channels)
    flat = np.frombuffer(values, dtype=np.float32).reshape(-1, audio.num_mels)
    return AudioCorpus(
        Ragged.from_lengths(flat, np.array(lengths, np.int64)),
        texts,
        places,
        np.array(rates, np.int32),
        np.array(channels, np.int32),
    )
