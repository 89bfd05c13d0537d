"""What texts for language models share."""

from abc import abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np

from rnnlab.data.base import at_least
from rnnlab.data.encoded import Example
from rnnlab.data.ragged import Ragged
from rnnlab.data.reading import lines
from rnnlab.data.spec import Kind, Spec, Split
from rnnlab.data.stream import Stream
from rnnlab.data.text import TextData
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import Vocab
from rnnlab.errors import ConfigError, DataError

EOS = "<eos>"
"""Stands for the end of a line where tokens are words."""

TextLevel = Literal["char", "word", "space"]
"""Tokens of a text: its characters, words and punctuation, or what stands between blanks."""


class StreamData(TextData):
    r"""A text as one sequence, from its first line to its last; a subclass names its files.

    Every line ends with the token of its end: the character `\n`, or the word `<eos>`.

    Args:
        batch_size: Parallel streams that the training text is cut into.
        eval_batch_size: The same for validation and test text. Each stream starts without a
            past: the fewer, the better (and the slower) the figures.
        bptt: Steps of a batch: how far gradients reach back. The state is carried on.
        vary_bptt: Draw them anew for each training batch, around `bptt`.
        seed: Decides what is drawn.
        level: What a token is.
        lower: Lower-case the text.
        min_freq: Rarer tokens of the training text are unknown.
        max_vocab_size: Largest number of tokens in the vocabulary; None for all.
    """

    kind: ClassVar[Kind] = "next"

    def __init__(
        self,
        *,
        batch_size: int,
        eval_batch_size: int,
        bptt: int,
        vary_bptt: bool,
        seed: int,
        level: TextLevel,
        lower: bool = False,
        min_freq: int = 1,
        max_vocab_size: int | None = None,
    ) -> None:
        super().__init__(
            batch_size=batch_size, seed=seed, min_freq=min_freq, max_vocab_size=max_vocab_size
        )
        at_least("eval_batch_size", eval_batch_size, 1)
        at_least("bptt", bptt, 1)
        self.eval_batch_size = eval_batch_size
        self.bptt = bptt
        self.vary_bptt = vary_bptt
        self.level = level
        self.lower = lower

    @abstractmethod
    def file(self, split: Split) -> Path:
        """The file that holds a split."""

    def span(self, split: Split, tokens: int) -> slice:
        """Which of the file's tokens are the split: all of them by default."""
        return slice(None)

    def tokens(self, split: Split) -> tuple[np.ndarray, list[str]]:
        """A split's tokens as positions (N,) in a list of types, and that list."""
        coded = self.encoded(split)
        values = coded.source.values
        return values[self.span(split, len(values))], coded.source_types

    def files(self, split: Split) -> list[Path]:
        """The one file."""
        return [self.file(split)]

    def read(self, split: Split) -> Iterator[Example]:
        """The lines, each with its end."""
        path = self.file(split)
        tokenizer, _ = self.current_tokenizers()
        assert tokenizer is not None  # the data's own, or that of a model of the same kind
        for number, line in lines(path):
            if tokenizer.level == "char":
                yield Example(f"{line}\n", (), str(path), number)
            else:
                yield Example([*tokenizer.split(line), EOS], (), str(path), number)

    def tokenizers(self) -> tuple[Tokenizer, None]:
        """Characters or words."""
        return Tokenizer(self.level, lower=self.lower), None

    def examples(self, split: Split) -> Stream:
        """One split as a stream of tokens.

        Raises:
            DataError: It has fewer than two.
        """
        spec = self.spec()
        assert isinstance(spec.source, Vocab)  # built so, or checked by reuse
        assert isinstance(spec.target, Vocab)
        ids, types = self._tokens(split)
        return Stream(
            inputs=_look_up(spec.source, types)[ids],
            target=_look_up(spec.target, types)[ids],
            bptt=self.bptt,
            vary=self.vary_bptt,
            eval_batch_size=self.eval_batch_size,
        )

    def sentences(self, split: Split) -> tuple[Ragged, list[str]]:
        """The lines of a split, each with its end; see the base class."""
        values, types = self._tokens(split)
        ends = np.array([index for index, token in enumerate(types) if token in (EOS, "\n")])
        borders = np.flatnonzero(np.isin(values, ends)) + 1
        return Ragged(values, np.unique(np.concatenate([[0], borders, [len(values)]]))), types

    def use_characters(self) -> None:
        """See the base class."""
        raise ConfigError(
            f"characters: {type(self).__name__} is not read letter by letter; choose none"
        )

    def _build(self) -> Spec:
        ids, types = self._tokens("train")
        found = np.bincount(ids, minlength=len(types))
        counts = {token: int(n) for token, n in zip(types, found, strict=True) if n}
        vocab = Vocab.build(counts, min_freq=self.min_freq, max_size=self.max_vocab_size)
        return Spec(
            source=vocab, target=vocab, kind=self.kind, source_tokenizer=self.tokenizers()[0]
        )

    def _tokens(self, split: Split) -> tuple[np.ndarray, list[str]]:
        values, types = self.tokens(split)
        if len(values) < 2:
            raise DataError(
                f"{self.corpus}: the {split} split needs two tokens at least ({self.file(split)})"
            )
        return values, types


def _look_up(vocab: Vocab, types: list[str]) -> np.ndarray:
    return np.array(vocab.ids(types), dtype=np.int32)
