"""Free Spoken Digit Dataset: which digits are said?"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, NamedTuple, get_args

import numpy as np
from annotated_types import Ge, Le

from rnnlab.config.types import LEARNT, NonNegativeFloat, PositiveInt
from rnnlab.data.audio_corpus import Recording
from rnnlab.data.audio_data import AudioData
from rnnlab.data.reading import members
from rnnlab.data.sound_files import Sound, read_sound
from rnnlab.data.source import DatasetInfo, DownloadedData, remote_files
from rnnlab.data.spec import Split
from rnnlab.data.splits import RandomSplit

Speaker = Literal["george", "jackson", "lucas", "nicolas", "theo", "yweweler"]

RATE = 8_000
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
HELD_OUT = 5
"""Recordings of each digit and speaker in the test split, and as many in validation."""
NOISE = 1.5
"""Noise over a string deviates by between 1 and 10 ** NOISE of the 2 ** 15 steps of 16 bits."""

_MEMBER = re.compile(r"(?:.*/)?recordings/([0-9])_([a-z]+)_([0-9]+)\.wav")
ARCHIVE = "free-spoken-digit-dataset-1.0.10-recordings.tar.gz"
RELEASE = "v1.0.10.tar.gz"
_FILES = f"""
41bc782d2e28ade4790a181974e28faca4f2968dc8ad522cbf9157edc5399432 15561889 {ARCHIVE}
"""


class Digit(NamedTuple):
    """A recording of one digit."""

    digit: int
    speaker: str
    sound: Sound
    place: str


class FSDD(DownloadedData, RandomSplit, AudioData):
    """3,000 recordings of single digits by six speakers, 8 kHz (Jackson et al. 2018).

    Read from `fsdd/free-spoken-digit-dataset-1.0.10-recordings.tar.gz` below the data root, which
    holds the recordings alone, else from the release's own archive, `fsdd/v1.0.10.tar.gz`.
    Recordings 0 - 4 of each digit and speaker are the test split, as the corpus says, 5 - 9
    are held out for validation.

    A task that learns labels gets the single digits. A task that writes texts gets connected
    digits. These are synthetic: recordings of one speaker, drawn at random from those of the split,
    joined with pauses between and around them, over faint noise; so no recording stands in two
    splits. `split_seed` decides what is drawn.

    Args:
        speaker: The test split is all that this speaker says, the other splits are the other
            speakers; null for the official split, where all speakers are in all splits.
        targets: What a text is: the words of the digits, letter by letter ("four two"), or digits
            ("4 2").
        max_digits: Digits of a string at most; each number from 1 on is as frequent.
        max_pause: Longest pause before, between and behind digits, in seconds.
        train_size: Strings to train on.
        val_size: Strings to validate on.
        test_size: Strings to test on.
    """

    corpus = "fsdd"
    about = DatasetInfo(
        title="Free Spoken Digit Dataset: 3,000 recordings of digits, six speakers",
        licence="CC BY-SA 4.0",
        files=remote_files("fsdd", _FILES),
        counts={"train": 4_000, "val": 300, "test": 500},
        by_hand=(
            "save https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/"
            f"{RELEASE} as fsdd/{RELEASE}"
        ),
    )

    sample_rate: int = RATE
    speaker: Speaker | None = None
    targets: Annotated[Literal["letters", "digits"], LEARNT] = "letters"
    max_digits: Annotated[int, Ge(1), Le(100)] = 7
    max_pause: Annotated[NonNegativeFloat, Le(10)] = 0.4
    train_size: PositiveInt = 4_000
    val_size: PositiveInt = 300
    test_size: PositiveInt = 500

    @property
    def target_level(self) -> Literal["char", "space"]:
        """Letters, or digits with blanks between."""
        return "char" if self.targets == "letters" else "space"

    def files(self, split: Split) -> list[Path]:
        """The archive."""
        return [self.find(f"{self.corpus}/{ARCHIVE}", f"{self.corpus}/{RELEASE}")]

    def dry_texts(self) -> Sequence[str]:
        """All digits."""
        return [self._text([digit]) for digit in range(10)]

    def settings(self, split: Split) -> Any:
        """How the recordings are split and joined."""
        joined = [self.targets, self.max_digits, self.max_pause, self._size(split), self.split_seed]
        return [self.speaker, joined if self._kind == "tokens" else None]

    def read(self, split: Split) -> Iterator[Recording]:
        """The digits or the strings of digits of a split."""
        digits = list(self._digits(split))
        if self._kind == "label":
            yield from (Recording(each.sound, str(each.digit), each.place) for each in digits)
        else:
            yield from self._strings(split, digits)

    def _digits(self, split: Split) -> Iterator[Digit]:
        (path,) = self.files(split)
        for name, content in members(path, _MEMBER):
            digit, speaker, number = _MEMBER.fullmatch(name).groups()  # type: ignore[union-attr]
            if self._split_of(speaker, int(number)) == split:
                place = f"{self.shown(str(path))}:{PurePosixPath(name).name}"
                yield Digit(int(digit), speaker, read_sound(Path(place), content), place)

    def _split_of(self, speaker: str, number: int) -> Split:
        if speaker == self.speaker:
            return "test"
        block = number // HELD_OUT + (self.speaker is not None)
        order: Sequence[Split] = ("test", "val", "train")
        return order[min(block, 2)]

    def _strings(self, split: Split, digits: Sequence[Digit]) -> Iterator[Recording]:
        key = get_args(Split).index(split)
        rng = np.random.default_rng(np.random.SeedSequence(self.split_seed, spawn_key=(key,)))
        speakers = sorted({digit.speaker for digit in digits})
        own = {who: [digit for digit in digits if digit.speaker == who] for who in speakers}
        for number in range(self._size(split) if digits else 0):
            said = own[speakers[rng.integers(len(speakers))]]
            count = int(rng.integers(1, self.max_digits, endpoint=True))
            chosen = [said[at] for at in rng.integers(len(said), size=count)]
            wave = self._join([digit.sound.wave for digit in chosen], rng)
            text = self._text([digit.digit for digit in chosen])
            yield Recording(Sound(wave, RATE, 1), text, f"{self.corpus}: {split} string {number}")

    def _join(self, waves: Sequence[np.ndarray], rng: np.random.Generator) -> np.ndarray:
        pauses = rng.uniform(0, self.max_pause * RATE, len(waves) + 1).astype(int)
        parts = [np.zeros(pauses[0], np.float32)]
        for wave, pause in zip(waves, pauses[1:], strict=True):
            parts += [wave, np.zeros(pause, np.float32)]
        joined = np.concatenate(parts)
        noise = rng.normal(0, 10 ** rng.uniform(0, NOISE) / 2**15, len(joined))
        return joined + noise.astype(np.float32)

    def _size(self, split: Split) -> int:
        return {"train": self.train_size, "val": self.val_size, "test": self.test_size}[split]

    def _text(self, digits: Sequence[int]) -> str:
        return " ".join(
            WORDS[digit] if self.targets == "letters" else str(digit) for digit in digits
        )
