"""Pairs of sentences from two line-aligned files."""

import json
from abc import abstractmethod
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Any, ClassVar, Literal, NamedTuple

from rnnlab.data.bpe import train_bpe
from rnnlab.data.cache import cached
from rnnlab.data.coded import Example
from rnnlab.data.reading import lines, sha256
from rnnlab.data.spec import Kind, Split
from rnnlab.data.text import TextData
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.errors import DataError


class Side(NamedTuple):
    """One language of a split: a plain or gzipped file, or a member of a tar ball."""

    path: Path
    member: str | None = None

    def __str__(self) -> str:
        return str(self.path) if self.member is None else f"{self.path}:{self.member}"


class ParallelData(TextData):
    """A corpus of sentence pairs; a subclass names the two sides of each split.

    Args:
        batch_size: Pairs in a batch.
        seed: Decides the order of training batches.
        level: Subwords (byte-pair encoding learnt from the training texts) or words.
        bpe_size: Subwords of each language, or of both together if `joint`.
        joint: Both languages have one set of subwords and one vocabulary.
        lower: Lower-case the texts. The texts that a translation is scored against stay as
            they are.
        min_freq: Rarer tokens of the training data are unknown.
        max_size: Largest number of tokens in a vocabulary; None for all.
        max_length: Longer sequences are cut to this number of tokens; None for no limit.
    """

    kind: ClassVar[Kind] = "tokens"

    def __init__(
        self,
        *,
        batch_size: int,
        seed: int,
        level: Literal["bpe", "word"],
        bpe_size: int,
        joint: bool,
        lower: bool,
        min_freq: int,
        max_size: int | None,
        max_length: int | None,
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            seed=seed,
            min_freq=min_freq,
            max_size=max_size,
            max_length=max_length,
        )
        self.level = level
        self.bpe_size = bpe_size
        self.shared_vocabulary = joint
        self.lower = lower
        self._tokenizers: tuple[Tokenizer, Tokenizer] | None = None

    @abstractmethod
    def sides(self, split: Split) -> tuple[Side, Side]:
        """Where the source and the target of a split are."""

    def files(self, split: Split) -> list[Path]:
        """The two files, or the tar balls that hold them."""
        return [side.path for side in self.sides(split)]

    def read(self, split: Split) -> Iterator[Example]:
        """The pairs, with blanks stripped and collapsed and zero-width spaces dropped."""
        source, target = self.sides(split)
        count = _aligned(source, target)
        pairs = zip(lines(*source), lines(*target), strict=False)
        for (_, left), (number, right) in islice(pairs, count):
            yield Example(_tidy(left), _tidy(right), str(target), number)

    def settings(self, part: Split) -> Any:
        """Which members of tar balls are read."""
        return [side.member for side in self.sides(part)]

    def tokenizers(self) -> tuple[Tokenizer, Tokenizer]:
        """Words, or subwords learnt from the training texts."""
        if self._tokenizers is None:
            words = Tokenizer("word", lower=self.lower)
            self._tokenizers = self._subwords() if self.level == "bpe" else (words, words)
        return self._tokenizers

    def _subwords(self) -> tuple[Tokenizer, Tokenizer]:
        sides = [[sha256(side.path), side.member] for side in self.sides("train")]
        source, target = cached(
            f"{self.corpus}/bpe",
            [sides, self.bpe_size, self.shared_vocabulary, self.lower],
            self._learn,
            write=_write,
            read=_read,
        )
        return source, target

    def _learn(self) -> list[Tokenizer]:
        def learn(*sides: int) -> Tokenizer:
            texts = (str(pair[side]) for pair in self.read("train") for side in sides)
            return train_bpe(texts, size=self.bpe_size, lower=self.lower)

        return [learn(0, 1)] * 2 if self.shared_vocabulary else [learn(0), learn(1)]


def _aligned(source: Side, target: Side) -> int:
    """Number of pairs; blank lines at the end of a file are no sentences."""
    totals, needed = [], []
    for side in (source, target):
        total = last = 0
        for number, text in lines(*side):
            total = number
            if text and not text.isspace():
                last = number
        totals.append(total)
        needed.append(last)
    if min(totals) < max(needed):
        raise DataError(
            f"{source} has {totals[0]} lines, {target} has {totals[1]}: each line of one must "
            "translate the same line of the other"
        )
    return max(needed)


def _tidy(text: str) -> str:
    return " ".join(text.replace("\u200b", "").split())


def _write(stream: IO[bytes], tokenizers: list[Tokenizer]) -> None:
    stream.write(json.dumps([tokenizer.to_dict() for tokenizer in tokenizers]).encode())


def _read(stream: IO[bytes]) -> list[Tokenizer]:
    return [Tokenizer.from_dict(state) for state in json.load(stream)]
