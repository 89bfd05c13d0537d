"""Pairs of sentences: what all corpora of translations share."""

import json
from typing import IO, ClassVar, Literal

from rnnlab.data.bpe import train_bpe
from rnnlab.data.cache import cached
from rnnlab.data.spec import Kind
from rnnlab.data.text import TextData
from rnnlab.data.tokenizer import Tokenizer


class PairData(TextData):
    """A corpus of sentence pairs; a subclass names its files and reads them.

    Args:
        batch_size: Pairs in a batch.
        seed: Decides the order of training batches.
        level: Subwords (byte-pair encoding learnt from the training texts) or words.
        vocab_size: Subwords of each language, or of both together if `share_vocab`.
        share_vocab: Both languages have one set of subwords and one vocabulary.
        lower: Lower-case the texts. The texts that a translation is scored against stay as
            they are.
        min_freq: Rarer tokens of the training data are unknown.
        max_vocab_size: Largest number of tokens in a vocabulary; None for all.
        max_length: Longer sequences are cut to this number of tokens; None for no limit.
    """

    kind: ClassVar[Kind] = "tokens"

    def __init__(
        self,
        *,
        batch_size: int,
        seed: int,
        level: Literal["bpe", "word"],
        vocab_size: int,
        share_vocab: bool,
        lower: bool,
        min_freq: int,
        max_vocab_size: int | None,
        max_length: int | None,
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            seed=seed,
            min_freq=min_freq,
            max_vocab_size=max_vocab_size,
            max_length=max_length,
        )
        self.level = level
        self.vocab_size = vocab_size
        self.share_vocab = share_vocab
        self.lower = lower
        self._tokenizers: tuple[Tokenizer, Tokenizer] | None = None

    def tokenizers(self) -> tuple[Tokenizer, Tokenizer]:
        """Words, or subwords learnt from the training texts."""
        if self._tokenizers is None:
            words = Tokenizer("word", lower=self.lower)
            self._tokenizers = self._subwords() if self.level == "bpe" else (words, words)
        return self._tokenizers

    def _subwords(self) -> tuple[Tokenizer, Tokenizer]:
        source, target = cached(
            f"{self.corpus}/bpe",
            [
                sorted(self.sums("train").items()),
                self.settings("train"),
                self.vocab_size,
                self.share_vocab,
                self.lower,
            ],
            self._learn,
            write=_write,
            read=_read,
        )
        return source, target

    def _learn(self) -> list[Tokenizer]:
        def learn(*sides: int) -> Tokenizer:
            texts = (str(pair[side]) for pair in self.read("train") for side in sides)
            return train_bpe(texts, size=self.vocab_size, lower=self.lower)

        return [learn(0, 1)] * 2 if self.share_vocab else [learn(0), learn(1)]


def tidy(text: str) -> str:
    """Blanks of all kinds stripped and collapsed, zero-width spaces dropped."""
    return " ".join(text.replace("\u200b", "").split())


def _write(stream: IO[bytes], tokenizers: list[Tokenizer]) -> None:
    stream.write(json.dumps([tokenizer.to_dict() for tokenizer in tokenizers]).encode())


def _read(stream: IO[bytes]) -> list[Tokenizer]:
    return [Tokenizer.from_dict(state) for state in json.load(stream)]
