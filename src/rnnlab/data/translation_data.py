"""Pairs of sentences: what all corpora of translations share."""

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Literal

from rnnlab.config.types import LEARNT, PositiveInt
from rnnlab.data.bpe import cached_bpe, train_bpe
from rnnlab.data.encoded import EncodedCorpus, Example
from rnnlab.data.reading import TextFile, lines, sha256
from rnnlab.data.sequences import TARGET_SPECIALS, PairData
from rnnlab.data.spec import Split
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import Vocab
from rnnlab.errors import DataError


class TranslationData(PairData):
    """A corpus of sentence pairs; the texts that a translation is scored against stay as they are.

    Args:
        level: Subwords (byte-pair encoding learnt from the training texts) or words.
        vocab_size: Subwords of each language, or of both together with `share_vocab`.
        share_vocab: Both languages have one set of subwords and one vocabulary.
    """

    finer = "bpe"

    batch_size: PositiveInt | None = 64
    level: Annotated[Literal["bpe", "word"], LEARNT] = "bpe"
    vocab_size: Annotated[PositiveInt, LEARNT] = 8_000
    share_vocab: Annotated[bool, LEARNT] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        self._subwords: list[Tokenizer] = []

    def tokenizers(self) -> tuple[Tokenizer, Tokenizer]:
        """Words, or subwords learnt from the training texts."""
        if self.level == "word":
            return self.dry_tokenizers()
        if not self._subwords:
            options = [self.vocab_size, self.share_vocab, self.lower]
            key = [sorted(self.sums("train").items()), self.settings("train"), *options]
            self._subwords = cached_bpe(self.corpus, key, self._learn)
        source, target = self._subwords
        return source, target

    def dry_tokenizers(self) -> tuple[Tokenizer, Tokenizer]:
        """Words."""
        words = Tokenizer("word", lower=self.lower)
        return words, words

    def vocabularies(self, train: EncodedCorpus) -> tuple[Vocab, Vocab | int]:
        """One of both languages, or one each."""
        if not self.share_vocab:
            return super().vocabularies(train)
        counts = Counter(train.source_counts(self.max_length))
        counts.update(train.target_counts(self.max_length))
        vocab = self.vocab(counts, TARGET_SPECIALS)
        return vocab, vocab

    def _learn(self) -> list[Tokenizer]:
        def learn(*sides: int) -> Tokenizer:
            texts = (str(pair[side]) for pair in self.read("train") for side in sides)
            return train_bpe(texts, size=self.vocab_size, lower=self.lower)

        return [learn(0, 1)] * 2 if self.share_vocab else [learn(0), learn(1)]


class ParallelData(TranslationData):
    """A corpus of two line-aligned files a split; a subclass names the two sides."""

    @abstractmethod
    def sides(self, split: Split) -> tuple[TextFile, TextFile]:
        """Where the source and the target of a split are."""

    def files(self, split: Split) -> list[Path]:
        """The two files, or the tar balls that hold them."""
        return [side.path for side in self.sides(split)]

    def read(self, split: Split) -> Iterator[Example]:
        """The pairs, tidied."""
        return self.read_pairs(*self.sides(split))

    def read_pairs(self, source: TextFile, target: TextFile) -> Iterator[Example]:
        """The pairs of two files, tidied."""
        count = _aligned(source, target)
        pairs = zip(lines(*source), lines(*target), strict=False)
        for (_, left), (number, right) in islice(pairs, count):
            yield Example(tidy(left), tidy(right), str(target), number)

    def settings(self, part: Split) -> Any:
        """What is read for which side: the other direction has the same files."""
        return [[sha256(side.path), side.member] for side in self.sides(part)]


def tidy(text: str) -> str:
    """White space stripped and collapsed, zero-width spaces dropped."""
    return " ".join(text.replace("\u200b", "").split())


def _aligned(source: TextFile, target: TextFile) -> int:
    """Number of pairs; blank lines at the end of a file are no sentences."""
    (left, left_needed), (right, right_needed) = _count(source), _count(target)
    needed = max(left_needed, right_needed)
    if min(left, right) < needed:
        raise DataError(
            f"{source} has {left} lines, {target} has {right}: each line of one must "
            "translate the same line of the other"
        )
    return needed


def _count(file: TextFile) -> tuple[int, int]:
    """Lines of a file, and the number of the last one that is not blank."""
    total = last = 0
    for total, text in lines(*file):
        if text.strip():
            last = total
    return total, last
