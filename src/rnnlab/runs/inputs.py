"""What a trained model is asked about: texts, or recordings."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rnnlab.data.audio import LogMel, pad_features
from rnnlab.data.batch import Batch
from rnnlab.data.characters import encode_characters
from rnnlab.data.ragged import Ragged
from rnnlab.data.sound_files import mixed_down, read_sound
from rnnlab.data.spec import Spec
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import UNK, Vocab
from rnnlab.errors import CheckpointError, ConfigError, DataError, shortened

Input = str | Path | np.ndarray
"""A text; or a sound file, or a wave."""


@dataclass(frozen=True)
class TextInputs:
    """Texts as tokens.

    Attributes:
        source: Their vocabulary.
        tokenizer: Splits a text.
        spec: Of the model.
    """

    source: Vocab
    tokenizer: Tokenizer
    spec: Spec

    def read(self, text: Input, number: int, rate: int | None) -> list[str]:
        """The tokens of a text.

        Raises:
            ConfigError: It is none, or a rate is given.
        """
        if not isinstance(text, str):
            raise ConfigError(f"texts[{number}]: {shortened([repr(text)])} is no text")
        if rate is not None:
            raise ConfigError("rate: this model reads text, no waves; leave it out")
        return self.tokenizer.split(text)

    def tokens(self, item: list[str]) -> list[str]:
        """The tokens."""
        return item

    def batch(self, items: Sequence[list[str]]) -> Batch:
        """Texts as one padded batch, each cut to what the model reads."""
        texts = [item[: self.spec.max_length] for item in items]
        ids = Ragged.from_lists(self.source.ids(text or [UNK]) for text in texts)
        rows, characters = np.arange(len(texts)), self.spec.characters
        words = None if characters is None else encode_characters(texts, characters).batch(rows)
        inputs, lengths = ids.pad(rows, fill=0)
        return Batch(inputs, lengths, target=lengths.new_zeros(0), words=words)


@dataclass(frozen=True)
class SoundInputs:
    """Recordings as features.

    Attributes:
        audio: Makes them.
    """

    audio: LogMel

    def read(self, sound: Input, number: int, rate: int | None) -> np.ndarray:
        """The features (T, F) of a sound file or a wave.

        Raises:
            ConfigError: It is neither, or a wrong rate.
            DataError: The file cannot be read, or the recording is shorter than a frame.
        """
        name = f"recordings[{number}]"
        if isinstance(sound, str | Path):
            name = str(sound)
            wave, own, _ = read_sound(Path(sound))
        elif isinstance(sound, np.ndarray):
            wave, own = mixed_down(sound, name), self.audio.sample_rate if rate is None else rate
            if not isinstance(own, int | np.integer) or own < 1:
                raise ConfigError(f"rate: {own!r} is no number of samples a second")
        else:
            raise ConfigError(f"{name}: {shortened([repr(sound)])} is no path and no wave")
        try:
            return self.audio.features(wave, own)
        except DataError as error:
            raise DataError(f"{name}: {error}") from None

    def tokens(self, item: np.ndarray) -> list[str]:
        """None: a recording has no tokens."""
        return []

    def batch(self, items: Sequence[np.ndarray]) -> Batch:
        """Recordings as one padded batch."""
        inputs, lengths = pad_features(items)
        return Batch(inputs, lengths, target=lengths.new_zeros(0))


def reader(spec: Spec) -> TextInputs | SoundInputs:
    """What reads the inputs of a model.

    Raises:
        CheckpointError: It reads neither text nor sound.
    """
    if spec.audio is not None:
        return SoundInputs(spec.audio)
    if isinstance(spec.source, Vocab) and spec.source_tokenizer is not None:
        return TextInputs(spec.source, spec.source_tokenizer, spec)
    raise CheckpointError(
        "this model reads what its data set makes, neither text nor sound: predict and export have "
        "no use for it; 'rnnlab evaluate' tests it on its own data"
    )


def each_input(inputs: Input | Iterable[Input]) -> Iterator[Input]:
    """One input after the other; a single one is a list of one."""
    if isinstance(inputs, str | Path | np.ndarray):
        yield inputs
    elif isinstance(inputs, Iterable):
        yield from inputs
    else:
        raise ConfigError(f"texts: {shortened([inputs])} is neither a text nor a list of texts")
