"""A corpus of texts: its files are read once, what was read is kept as numbers."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar

import numpy as np
import regex

from rnnlab.config.types import LEARNT, NonNegativeInt, PositiveInt
from rnnlab.data.base import SequenceData
from rnnlab.data.cache import cached
from rnnlab.data.content import Content
from rnnlab.data.encoded import EncodedCorpus, Example, count_types, encode
from rnnlab.data.ragged import Ragged
from rnnlab.data.reading import sha256
from rnnlab.data.spec import Kind, Spec, Split
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import PAD, UNK, Vocab
from rnnlab.errors import DataError, shortened

Limit = Annotated[PositiveInt | None, LEARNT]
"""Largest number of something in what a model reads or writes; None for no limit."""

UNSPACED = regex.compile(r"[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Han}\p{Hiragana}\p{Katakana}]{2}")
"""Letters of scripts in which no space parts words."""
SOME = 0.05
"""Share of such words from which on a run says so."""

Tokenizers = tuple[Tokenizer | None, Tokenizer | None]
"""Of the source and of the target; None where it is no text."""


class TextData(SequenceData):
    """A corpus of texts; a subclass names its files and reads examples from them.

    A split is read and split into tokens once, and kept on disk as numbers over all tokens that
    occur. The vocabulary is applied when it is loaded: other options of it read no file again.

    Args:
        lower: Lower-case the text.
        min_freq: Tokens that are rarer in the training data are unknown.
        max_vocab_size: Largest number of tokens in a vocabulary; None for all.

    Attributes:
        corpus: Its name on the command line.
        finer: Levels of tokens that need no spaces between words, for messages.
    """

    corpus: ClassVar[str]
    finer: ClassVar[str] = "char"

    lower: Annotated[bool, LEARNT] = False
    min_freq: Annotated[NonNegativeInt, LEARNT] = 1
    max_vocab_size: Limit = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._kind: Kind = self.kind
        self._words: tuple[Sequence[str], bool] | None = None
        self._reused: Spec | None = None
        self._started: Spec | None = None
        self._spec: Spec | None = None
        self._encoded: dict[tuple[Split, *Tokenizers], EncodedCorpus] = {}

    @abstractmethod
    def files(self, split: Split) -> list[Path]:
        """The files that decide what `read` gives; a missing one is a DataError."""

    def file(self, split: Split) -> Path:
        """The file of a split that is read from one."""
        (path,) = self.files(split)
        return path

    @abstractmethod
    def read(self, split: Split) -> Iterator[Example]:
        """The examples of a split in the order of its files."""

    @abstractmethod
    def tokenizers(self) -> Tokenizers:
        """Tokenizers of sources and targets, learnt from the training data where they must be."""

    @abstractmethod
    def build_spec(self) -> Spec:
        """Vocabularies of the training data."""

    def settings(self, part: Split) -> Any:
        """Options, apart from tokenizers, that change what `read` gives; plain values."""
        return None

    def holds(self, split: Split) -> tuple[Split, np.ndarray | None]:
        """Which split's files hold a split, and which of their examples it is; None for all."""
        return split, None

    def spec(self) -> Spec:
        """Vocabularies of the training data, or those given to `reuse`."""
        if self._spec is None:
            self._spec = self._reused or self.build_spec()
            if self._words is not None:
                words, lower_fallback = self._words
                source = self._spec.source_vocab.extend(words, lower_fallback=lower_fallback)
                self._spec = replace(self._spec, source=source)
        return self._spec

    def vocab(self, counts: Mapping[str, int], specials: Sequence[str] = (PAD, UNK)) -> Vocab:
        """A vocabulary of the tokens that are frequent enough."""
        return Vocab.build(
            counts, specials=specials, min_freq=self.min_freq, max_size=self.max_vocab_size
        )

    def sentences(self, split: Split) -> tuple[Ragged, list[str]]:
        """The inputs of a split as they were read: uncut, no token unknown.

        Returns:
            Sequences of positions in the list of tokens, and that list.

        Raises:
            DataError: The split is empty.
        """
        corpus = self.select(split)
        return corpus.source, corpus.source_types

    def content(self, split: Split) -> Content:
        """See the base class; the sentences, or lines, as they were read."""
        sentences, types = self.sentences(split)
        counts = count_types(sentences.values, types)
        vocab = self.spec().source_vocab
        lost = np.array([token not in vocab for token in types], dtype=bool)[sentences.values]
        before = np.concatenate([[0], np.cumsum(lost)])[sentences.offsets]
        unknown = np.diff(before) / np.maximum(1, sentences.lengths)
        return Content("tokens", sentences.lengths, counts, unknown=unknown)

    def remarks(self) -> list[str]:
        """See the base class; words that may be none, where a script has no spaces between them."""
        found = super().remarks()
        tokenizer, _ = self.current_tokenizers()
        if tokenizer is None or tokenizer.level != "word":
            return found
        counts = self.select("train").source_counts()
        runs = [token for token in counts if UNSPACED.search(token)]
        share = sum(counts[run] for run in runs) / sum(counts.values())
        if share >= SOME:
            found.append(
                f"{share:.0%} of the words are runs of letters of a script without spaces between "
                f"words, such as {shortened(runs, 2)}; each run is one word: choose "
                f"data.level={self.finer}"
            )
        return found

    def add_words(self, words: Sequence[str], *, lower_fallback: bool) -> None:
        """See the base class."""
        self._words = (words, lower_fallback)
        self._spec = None

    def start_from(self, spec: Spec) -> None:
        """See the base class."""
        if spec.source_tokenizer is not None and spec.source_tokenizer.level == "bpe":
            self._started = spec

    def reuse(self, spec: Spec) -> None:
        """See the base class.

        Raises:
            DataError: The model learnt from data of another kind.
        """
        if spec.kind not in (self.kind, *self.other_kinds) or not isinstance(spec.source, Vocab):
            inputs = "text" if isinstance(spec.source, Vocab) else "numbers"
            raise DataError(
                f"{self.corpus} is text with {self.kind}; the trained model reads {inputs} and "
                f"gives {spec.kind}"
            )
        self._reused, self._kind = spec, spec.kind
        self._spec = None
        self._encoded.clear()

    def current_tokenizers(self) -> Tokenizers:
        """Those of the trained model that is reused or started from, else the data's own."""
        if self._reused is not None:
            return self._reused.source_tokenizer, self._reused.target_tokenizer
        source, target = self.tokenizers()
        return source if self._started is None else self._started.source_tokenizer, target

    def select(self, split: Split) -> EncodedCorpus:
        """The examples of a split; none is a DataError."""
        part, rows = self.holds(split)
        corpus = self.encoded(part) if rows is None else self.encoded(part).select(rows)
        if not len(corpus):
            places = ", ".join(self.sums(part))
            raise DataError(f"{self.corpus}: the {split} split is empty ({places})")
        return corpus

    def encoded(self, part: Split) -> EncodedCorpus:
        """All examples in the files of a split, from the cache where they are there."""
        return self.encode(part, *self.current_tokenizers())

    def encode(
        self, part: Split, source: Tokenizer | None, target: Tokenizer | None
    ) -> EncodedCorpus:
        """The same with other tokenizers than the data's own."""
        if (part, source, target) not in self._encoded:
            sums = self.sums(part)
            self._checksums |= sums
            tokenizers = [None if t is None else t.to_dict() for t in (source, target)]
            self._encoded[part, source, target] = cached(
                f"{self.corpus}/{part}",
                [sorted(sums.items()), self.settings(part), tokenizers],
                lambda: encode(self._named(part), source, target),
                write=lambda stream, corpus: corpus.write(stream),
                read=EncodedCorpus.read,
            )
        return self._encoded[part, source, target]

    def sums(self, part: Split) -> dict[str, str]:
        """sha256 of the files of a split, by the names that `checksums` gives them."""
        return {self.shown(str(path)): sha256(path) for path in self.files(part)}

    def checksums_of(self, split: Split) -> dict[str, str]:
        """See the base class."""
        return self.sums(self.holds(split)[0])

    def shown(self, name: str) -> str:
        """A file's name in `checksums` and messages."""
        return name

    def _named(self, part: Split) -> Iterator[Example]:
        # the cache serves other data roots too: no file is named by where it is today
        shown = cache(self.shown)
        for example in self.read(part):
            yield example._replace(file=shown(example.file))
