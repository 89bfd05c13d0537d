"""Recordings with what is said in them: features are made once and kept on disk."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, get_args

import numpy as np
from annotated_types import Ge, Le

from rnnlab.config.types import LEARNT, NonNegativeInt, PositiveInt
from rnnlab.data.audio import LogMel, Normalization
from rnnlab.data.audio_corpus import AudioCorpus, Recording, at_speeds, hear
from rnnlab.data.audio_examples import AudioExamples, Masks
from rnnlab.data.balanced import BalancedData
from rnnlab.data.cache import cached
from rnnlab.data.content import Content, Item
from rnnlab.data.ragged import Ragged
from rnnlab.data.reading import sha256
from rnnlab.data.sequences import TARGET_SPECIALS
from rnnlab.data.sound_files import soundfile
from rnnlab.data.spec import Kind, Spec, Split
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import Vocab
from rnnlab.errors import DataError, shortened


class AudioData(BalancedData):
    """Recordings with a text each: what is said, or what they are.

    A task that learns labels takes the text as the label.

    Args:
        sample_rate: Samples a second; recordings of another rate are resampled.
        num_mels: Features of a frame: logarithms of energies on the mel scale.
        window_ms: Length of a frame in milliseconds.
        hop_ms: From the start of one frame to the next, in milliseconds.
        normalization: Mean and deviation of each feature are those of the training data, or of
            each recording.
        time_masks: Stretches of frames that are hidden in each training recording (SpecAugment).
        time_mask_frames: The longest in frames; no more than a fifth of the recording.
        mel_masks: Bands of features that are hidden in each training recording.
        mel_mask_features: The widest in features.
        mask_from_epoch: The first epoch, from 0, in which something is hidden.
        speed_perturbation: Each training recording is also heard 10 % slower and 10 % faster (Ko et
            al. 2015): three times as many.
        short_first: The first epoch reads short recordings first; not for labels.

    Attributes:
        corpus: Its name on the command line.
    """

    kind = "tokens"
    other_kinds = ("label",)
    corpus: ClassVar[str]

    batch_size: PositiveInt | None = 16
    sample_rate: Annotated[int, Ge(1000), Le(384_000), LEARNT] = 16_000
    num_mels: Annotated[int, Ge(1), Le(512), LEARNT] = 40
    window_ms: Annotated[float, Ge(5), Le(1000), LEARNT] = 25.0
    hop_ms: Annotated[float, Ge(1), Le(1000), LEARNT] = 10.0
    normalization: Annotated[Normalization, LEARNT] = "training"
    time_masks: NonNegativeInt = 0
    time_mask_frames: PositiveInt = 20
    mel_masks: NonNegativeInt = 0
    mel_mask_features: PositiveInt = 8
    mask_from_epoch: NonNegativeInt = 0
    speed_perturbation: bool = False
    short_first: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self._kind: Kind = self.kind
        self._spec: Spec | None = None
        self._read: dict[Split, AudioCorpus] = {}

    @abstractmethod
    def files(self, split: Split) -> list[Path]:
        """The files that decide what `read` gives; a missing one is a DataError."""

    @abstractmethod
    def read(self, split: Split) -> Iterator[Recording]:
        """The recordings of a split."""

    @property
    @abstractmethod
    def target_level(self) -> Literal["char", "space"]:
        """What a text is written in: characters, or words with blanks between."""

    def settings(self, split: Split) -> Any:
        """Options that change what `read` gives; plain values."""
        return None

    def dry_texts(self) -> Sequence[str]:
        """A few texts, for `dry_spec`."""
        return "one two", "three"

    def use_kind(self, kind: Kind) -> None:
        """See the base class."""
        super().use_kind(kind)
        self._kind = kind
        self._spec = None
        self._read.clear()

    def spec(self) -> Spec:
        """Vocabulary of the training texts, and how features are made."""
        if self._spec is None:
            corpus = self.select("train")
            values = corpus.log_mels.values
            mean = values.mean(axis=0, dtype=np.float64)
            squares = np.einsum("tf,tf->f", values, values, dtype=np.float64)  # makes no copy
            std = np.sqrt(np.maximum(squares / len(values) - mean**2, 0))
            audio = replace(self._log_mel(), mean=tuple(mean.tolist()), std=tuple(std.tolist()))
            self._spec = self._spec_of(corpus.texts, audio)
        return self._spec

    def dry_spec(self) -> Spec:
        """See the base class.

        Raises:
            ConfigError: What reads sound files is not installed.
        """
        soundfile()
        return self._spec_of(self.dry_texts(), self._log_mel())

    def reuse(self, spec: Spec) -> None:
        """See the base class.

        Raises:
            DataError: The model reads no sounds.
        """
        if spec.audio is None or spec.kind not in (self.kind, *self.other_kinds):
            raise DataError(f"{self.corpus} is sound; the trained model reads something else")
        self._kind, self._spec = spec.kind, spec
        self._read.clear()

    def select(self, split: Split) -> AudioCorpus:
        """The recordings of a split; none is a DataError."""
        if split not in self._read:
            audio = self._log_mel() if self._spec is None else self._spec.audio
            assert audio is not None  # `reuse` takes no other
            sums = self.checksums_of(split)
            self._checksums |= sums
            heard = [audio.sample_rate, audio.num_mels, audio.window_ms, audio.hop_ms]
            more = self.speed_perturbation and split == "train"
            self._read[split] = cached(
                f"{self.corpus}/{split}",
                [sorted(sums.items()), self.settings(split), heard, more],
                lambda: hear(at_speeds(self.read(split)) if more else self.read(split), audio),
                write=lambda stream, corpus: corpus.write(stream),
                read=AudioCorpus.read,
            )
        corpus = self._read[split]
        if not corpus.texts:
            raise DataError(f"{self.corpus}: the {split} split is empty")
        return corpus

    def examples(self, split: Split) -> AudioExamples:
        """One split; see the base class."""
        spec, corpus = self.spec(), self.select(split)
        assert spec.audio is not None  # `spec` gives no other
        words = spec.kind == "tokens"
        return AudioExamples(
            corpus.log_mels,
            self._tokens(corpus, spec) if words else self._labels(corpus, spec.target_vocab),
            corpus.texts if words else None,
            places=corpus.places,
            audio=spec.audio,
            masks=Masks(
                self.time_masks,
                self.time_mask_frames,
                self.mel_masks,
                self.mel_mask_features,
                self.mask_from_epoch,
            ),
            short_first=words and self.short_first,
        )

    def content(self, split: Split) -> Content:
        """See the base class; lengths in seconds, repeats by what is heard."""
        corpus = self.select(split)
        seconds = corpus.log_mels.lengths * self.hop_ms / 1000
        heard = (
            blake2b(corpus.log_mels[row].tobytes()).hexdigest() for row in range(len(corpus.texts))
        )
        items = (
            Item(content, text, text, place)
            for content, text, place in zip(heard, corpus.texts, corpus.places, strict=True)
        )
        classes = Counter(corpus.texts) if self._kind == "label" else {}
        return Content("seconds", seconds, classes=classes, items=items)

    def remarks(self) -> list[str]:
        """See the base class; what was done to recordings."""
        spec, found = self.spec(), super().remarks()
        assert spec.audio is not None  # `spec` gives no other
        for split in get_args(Split):
            found += self.select(split).remarks(split, spec.audio.sample_rate)
        return found

    def checksums_of(self, split: Split) -> dict[str, str]:
        """See the base class."""
        return {self.shown(str(path)): sha256(path) for path in self.files(split)}

    def shown(self, name: str) -> str:
        """A file's name in `checksums` and messages."""
        return name

    def _log_mel(self) -> LogMel:
        sizes = self.sample_rate, self.num_mels, float(self.window_ms), float(self.hop_ms)
        return LogMel(*sizes, normalization=self.normalization)

    def _spec_of(self, texts: Iterable[str], audio: LogMel) -> Spec:
        if self._kind == "label":
            return Spec(audio.num_mels, Vocab(sorted(set(texts))), "label", audio=audio)
        tokenizer = Tokenizer(self.target_level)
        counts = Counter(token for text in texts for token in tokenizer.split(text))
        vocab = Vocab.build(counts, specials=TARGET_SPECIALS)
        return Spec(audio.num_mels, vocab, "tokens", target_tokenizer=tokenizer, audio=audio)

    def _tokens(self, corpus: AudioCorpus, spec: Spec) -> Ragged:
        vocab, tokenizer = spec.target_vocab, spec.target_tokenizer
        assert tokenizer is not None  # of targets that are texts
        ids = Ragged.from_lists(vocab.ids(tokenizer.split(text)) for text in corpus.texts)
        return ids.framed(vocab.start_id, vocab.end_id)

    def _labels(self, corpus: AudioCorpus, vocab: Vocab) -> np.ndarray:
        for text, place in zip(corpus.texts, corpus.places, strict=True):
            if text not in vocab:
                known = shortened(vocab.tokens, 20)
                raise DataError(f"{place}: unseen label {text!r}; the training data has {known}")
        return np.array(vocab.ids(corpus.texts), dtype=np.int64)
