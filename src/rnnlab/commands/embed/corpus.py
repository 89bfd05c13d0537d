"""A text as sentences of words, with their counts."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np

from rnnlab.data.base import SequenceData
from rnnlab.data.ragged import Ragged
from rnnlab.data.text import TextData
from rnnlab.data.tokenizer import Level
from rnnlab.data.vocab import UNK
from rnnlab.errors import ConfigError, DataError

LETTERS: frozenset[Level] = frozenset({"char", "whole"})
"""Levels of a tokenizer whose tokens are letters or whole labels, not words."""

LONGEST = 10_000
"""Words of a piece at most: gensim drops the rest of a longer one."""


@dataclass(frozen=True)
class Corpus:
    """Sentences of words.

    Attributes:
        pieces: Sentences as positions in `words`, without the words that are left out; a sentence
            of more than `LONGEST` words is several pieces.
        words: Words to learn, most frequent first, equal counts in alphabetical order.
        counts: How often each occurs.
        sentences: Number of sentences.
        tokens: Number of words in the text.
        types: Number of distinct words.
        unwritable: Number of distinct words that are left out because they contain a blank.
    """

    pieces: Ragged
    words: list[str]
    counts: list[int]
    sentences: int
    tokens: int
    types: int
    unwritable: int

    @classmethod
    def read(cls, data: SequenceData, name: str, min_count: int) -> Self:
        """The training split of a data set, in the tokens that it makes of its inputs.

        Args:
            data: The data set.
            name: Its name for the user.
            min_count: Rarer words are left out. So are words that contain a blank: the text format
                of vectors cannot hold them.

        Raises:
            ConfigError: The data is not text, or is not read in words; no word is frequent enough.
            DataError: A file is missing or broken, or no sentence has two words to learn.
        """
        if not isinstance(data, TextData):
            raise ConfigError(f"corpus: {name} is not text")
        tokenizer, _ = data.current_tokenizers()
        if tokenizer is not None and tokenizer.level in LETTERS:
            unit = "letter by letter" if tokenizer.level == "char" else "as whole labels"
            remedy = "; say data.level=word" if hasattr(data, "level") else ""
            raise ConfigError(f"corpus: {name} is read {unit}, not in words{remedy}")
        source, types = _without_empty(*data.sentences("train"))
        found = np.bincount(source.values, minlength=len(types))
        writable = np.fromiter((word == "".join(word.split()) for word in types), dtype=np.bool_)
        kept = np.flatnonzero((found >= min_count) & writable)
        if not len(kept):
            top = int(found.argmax())
            most = f"the most frequent one, {types[top]!r}, {found[top]:,} times"
            raise ConfigError(f"min_count: no word occurs {min_count} times; {most}")
        order = sorted(kept.tolist(), key=lambda index: (-found[index], types[index]))
        place = np.full(len(types), -1, dtype=np.int32)
        place[order] = np.arange(len(order))
        pieces = _pieces(source.take(place))
        if pieces.lengths.max(initial=0) < 2:
            raise DataError(
                f"{name}: no sentence has two words that occur min_count={min_count} times: there "
                "is nothing to learn from"
            )
        return cls(
            pieces=pieces,
            words=[types[index] for index in order],
            counts=[int(found[index]) for index in order],
            sentences=len(source),
            tokens=len(source.values),
            types=int((found > 0).sum()),
            unwritable=int(((found > 0) & ~writable).sum()),
        )


@dataclass(frozen=True)
class CorpusTexts:
    """The pieces as lists of words; can be read several times.

    Attributes:
        corpus: The corpus.
        tell: Called with the number of words of each piece.
    """

    corpus: Corpus
    tell: Callable[[int], object]

    def __iter__(self) -> Iterator[list[str]]:
        """Start with the first piece."""
        words, pieces = self.corpus.words, self.corpus.pieces
        for index in range(len(pieces)):
            piece = pieces[index].tolist()
            yield [words[row] for row in piece]
            self.tell(len(piece))


def _without_empty(source: Ragged, types: list[str]) -> tuple[Ragged, list[str]]:
    """Drop inputs without any token, which stand as a single `<unk>`."""
    if UNK not in types:
        return source, types
    single = np.flatnonzero(source.lengths == 1)
    empty = single[source.values[source.offsets[single]] == types.index(UNK)]
    return source.select(np.setdiff1d(np.arange(len(source)), empty)), types


def _pieces(sentences: Ragged) -> Ragged:
    """Drop negative elements, and cut long sentences into pieces of `LONGEST`."""
    known = sentences.values >= 0
    borders = np.concatenate([[0], np.cumsum(known)])[sentences.offsets]
    cuts = [
        np.arange(start + LONGEST, end, LONGEST)
        for start, end in pairwise(borders)
        if end - start > LONGEST
    ]
    return Ragged(sentences.values[known], np.unique(np.concatenate([borders, *cuts])))
