"""Texts for language models: one sequence of tokens, each to be predicted."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal

import numpy as np

from rnnlab.config.types import LEARNT, PositiveInt
from rnnlab.data.encoded import Example, count_types
from rnnlab.data.ragged import Ragged
from rnnlab.data.reading import lines
from rnnlab.data.spec import Spec, Split
from rnnlab.data.stream import Stream
from rnnlab.data.text import TextData, Tokenizers
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.errors import DataError

EOS = "<eos>"
"""Stands for the end of a line where tokens are words."""

DRY_WORDS = 50_000
"""Words of a dry spec, where `max_vocab_size` does not say less."""

Level = Literal["char", "word", "space"]


class StreamData(TextData):
    r"""A text as one sequence, from its first line to its last; a subclass names its files.

    Every line ends with the token of its end: the character `\n`, or the word `<eos>`.

    Args:
        eval_batch_size: Parallel streams of validation and test text. Each starts without a past:
            the fewer, the better (and the slower) the figures.
        bptt: Steps of a batch: how far gradients reach back. The state is carried on.
        vary_bptt: Draw the steps of each training batch at random, around `bptt`.
        level: Tokens are characters, words and punctuation marks, or what white space parts.
    """

    kind = "next"

    eval_batch_size: PositiveInt = 8
    bptt: PositiveInt = 64
    vary_bptt: bool = False
    level: Annotated[Level, LEARNT] = "char"

    def span(self, split: Split, tokens: int) -> slice:
        """Which of the file's tokens are the split: all of them by default."""
        return slice(None)

    def tokens(self, split: Split) -> tuple[np.ndarray, list[str]]:
        """A split's tokens as positions (N,) in a list of types, and that list."""
        corpus = self.encoded(split)
        values = corpus.source.values
        return values[self.span(split, len(values))], corpus.source_types

    def read(self, split: Split) -> Iterator[Example]:
        """The lines, each with its end."""
        path = self.file(split)
        tokenizer = self._tokenizer()
        for number, line in lines(path):
            if tokenizer.level == "char":
                yield Example(f"{line}\n", (), str(path), number)
            else:
                yield Example([*tokenizer.split(line), EOS], (), str(path), number)

    def tokenizers(self) -> Tokenizers:
        """Characters or words."""
        return Tokenizer(self.level, lower=self.lower), None

    def line_end(self) -> str:
        """The token that ends a line."""
        return "\n" if self._tokenizer().level == "char" else EOS

    def examples(self, split: Split) -> Stream:
        """One split as a stream of tokens.

        Raises:
            DataError: It has fewer than two.
        """
        spec = self.spec()
        ids, types = self._tokens(split)
        inputs, target = spec.source_vocab.table(types)[ids], spec.target_vocab.table(types)[ids]
        return Stream(inputs, target, self.bptt, self.vary_bptt, self.eval_batch_size)

    def sentences(self, split: Split) -> tuple[Ragged, list[str]]:
        """The lines of a split, each with its end; see the base class."""
        values, types = self._tokens(split)
        ends = np.array([index for index, token in enumerate(types) if token in (EOS, "\n")])
        borders = np.flatnonzero(np.isin(values, ends)) + 1
        return Ragged(values, np.unique(np.concatenate([[0], borders, [len(values)]]))), types

    def build_spec(self) -> Spec:
        """See the base class."""
        return self._spec_of(count_types(*self._tokens("train")))

    def dry_spec(self) -> Spec:
        """See the base class; with many words, so that outputs for large vocabularies fit."""
        words = 0 if self.level == "char" else min(self.max_vocab_size or DRY_WORDS, DRY_WORDS)
        tokens = [self.line_end(), *map(str, range(words - 1))]
        return self._spec_of(dict.fromkeys(tokens, self.min_freq))

    def _spec_of(self, counts: Mapping[str, int]) -> Spec:
        vocab = self.vocab(counts)
        return Spec(vocab, vocab, self.kind, self.tokenizers()[0])

    def _tokenizer(self) -> Tokenizer:
        tokenizer, _ = self.current_tokenizers()
        assert tokenizer is not None  # the data's own, or that of a model of the same kind
        return tokenizer

    def _tokens(self, split: Split) -> tuple[np.ndarray, list[str]]:
        values, types = self.tokens(split)
        if len(values) < 2:
            places = ", ".join(self.sums(split))
            raise DataError(
                f"{self.corpus}: the {split} split needs two tokens at least ({places})"
            )
        return values, types
