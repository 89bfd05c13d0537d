"""Texts for language models: one sequence of tokens, each to be predicted."""

from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import Annotated, Literal

import numpy as np

from rnnlab.config.types import LEARNT, PositiveInt
from rnnlab.data.batch import TokenSize
from rnnlab.data.bpe import cached_bpe, train_bpe
from rnnlab.data.encoded import EncodedCorpus, Example, count_types
from rnnlab.data.ragged import Ragged
from rnnlab.data.reading import lines
from rnnlab.data.spec import Spec, Split
from rnnlab.data.stream import Stream
from rnnlab.data.text import TextData, Tokenizers
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import PAD, UNK, Vocab
from rnnlab.errors import ConfigError, DataError

EOS = "<eos>"
"""Stands for the end of a line where tokens are words."""

DRY_WORDS = 50_000
"""Words of a dry spec, where `max_vocab_size` does not say less."""

Level = Literal["char", "bpe", "word", "space"]


class StreamData(TextData):
    r"""A text as one sequence, from its first line to its last; a subclass names its files.

    Every line ends with the token of its end: `\n`, or the word `<eos>`.

    Args:
        eval_batch_size: Parallel streams of validation and test text. Each starts without a past:
            the fewer, the better (and the slower) the figures.
        bptt: Steps of a batch: how far gradients reach back.
        vary_bptt: Draw the steps of each training batch at random, around `bptt`.
        carry: The state at the end of a batch is where the next one starts; false: each batch's
            rows stand alone. Of attention the keys of `cell.window` are carried, as in
            Transformer-XL; without a window its rows stand alone in both cases.
        eval_stride: With `carry=false`, how many steps each row adds in evaluation, which reads the
            steps before them again, `bptt` in all: the fewer, the longer the past of each token
            (and the slower). None for `bptt`: the first token of each row has no past.
        level: Tokens are characters, subwords (byte-pair encoding learnt from the training text),
            words and punctuation marks, or what white space parts.
        vocab_size: Subwords of `level=bpe`, all of them known: `min_freq` and `max_vocab_size`
            are of words and characters.
    """

    kind = "next"
    finer = "bpe"

    eval_batch_size: PositiveInt = 8
    bptt: PositiveInt = 64
    vary_bptt: bool = False
    carry: bool = True
    eval_stride: PositiveInt | None = None
    level: Annotated[Level, LEARNT] = "char"
    vocab_size: Annotated[PositiveInt, LEARNT] = 8_000

    def __post_init__(self) -> None:
        super().__post_init__()
        self._subwords: list[Tokenizer] = []
        if self.eval_stride is not None and (self.carry or self.eval_stride > self.bptt):
            raise ConfigError(
                f"data.eval_stride: {self.eval_stride} is for data.carry=false, and data.bptt "
                f"({self.bptt}) at most"
            )

    def span(self, split: Split, tokens: int) -> slice:
        """Which of the file's tokens are the split: all of them by default."""
        return slice(None)

    def cut(self, split: Split) -> int | None:
        """Tokens of a line that are read at most; None, the default, for all."""
        return None

    def tokens(self, split: Split) -> tuple[np.ndarray, list[str]]:
        """A split's tokens as positions (N,) in a list of types, and that list."""
        lines, types, _ = self._lines(split)
        return lines.values[self.span(split, len(lines.values))], types

    def read(self, split: Split) -> Iterator[Example]:
        """The lines, without their ends."""
        path = self.file(split)
        for number, line in lines(path):
            yield Example(line, (), str(path), number)

    def training_texts(self) -> Iterator[str]:
        """What subwords are learnt from: the training lines."""
        part, rows = self.holds("train")
        chosen = None if rows is None else set(rows.tolist())
        for row, example in enumerate(self.read(part)):
            if chosen is None or row in chosen:
                yield str(example.source)

    def tokenizers(self) -> Tokenizers:
        """Characters, words, or subwords learnt from the training text."""
        if self.level != "bpe":
            return Tokenizer(self.level, lower=self.lower), None
        if not self._subwords:
            part, rows = self.holds("train")
            held = None if rows is None else blake2b(rows.tobytes()).hexdigest()
            options = [self.settings(part), held, self.vocab_size, self.lower, "text"]
            key = [sorted(self.sums(part).items()), *options]
            self._subwords = cached_bpe(self.corpus, key, self._learn)
        return self._subwords[0], None

    def line_end(self) -> str:
        """The token that ends a line."""
        return line_end(self._tokenizer())

    def vocab(self, counts: Mapping[str, int], specials: Sequence[str] = (PAD, UNK)) -> Vocab:
        """See the base class; every subword has a place, so that no text has unknown ones."""
        if self.level != "bpe":
            return super().vocab(counts, specials)
        known = dict.fromkeys(self._tokenizer().subwords, 0)
        return Vocab.build({**known, **counts}, min_freq=0)

    def examples(self, split: Split) -> Stream:
        """One split as a stream of tokens.

        Raises:
            DataError: It has fewer than two.
        """
        spec = self.spec()
        lines, types, corpus = self._lines(split)
        span = self.span(split, len(lines.values))
        ids = self._enough(lines.values[span], split)
        inputs, target = spec.source_vocab.table(types)[ids], spec.target_vocab.table(types)[ids]
        options = self.bptt, self.vary_bptt, self.eval_batch_size, self.carry, self.eval_stride
        return Stream(inputs, target, *options, _token_size(lines, corpus, span))

    def sentences(self, split: Split) -> tuple[Ragged, list[str]]:
        """The lines of a split, each with its end; see the base class."""
        values, types = self._tokens(split)
        end = types.index(self.line_end())
        borders = np.flatnonzero(values == end) + 1
        return Ragged(values, np.unique(np.concatenate([[0], borders, [len(values)]]))), types

    def build_spec(self) -> Spec:
        """See the base class."""
        return self._spec_of(count_types(*self._tokens("train")), self._tokenizer())

    def dry_spec(self) -> Spec:
        """See the base class; with many words, so that outputs for large vocabularies fit."""
        largest = self.vocab_size if self.level == "bpe" else self.max_vocab_size or DRY_WORDS
        count = 0 if self.level == "char" else min(largest, DRY_WORDS)
        dry = Tokenizer("char" if self.level == "char" else "word")
        tokens = [line_end(dry), *map(str, range(count - 1))]
        vocab = Vocab([PAD, UNK, *tokens])
        return Spec(vocab, vocab, self.kind, dry)

    def _spec_of(self, counts: Mapping[str, int], tokenizer: Tokenizer) -> Spec:
        vocab = self.vocab(counts)
        return Spec(vocab, vocab, self.kind, tokenizer)

    def _learn(self) -> list[Tokenizer]:
        texts, lower = self.training_texts(), self.lower
        return [train_bpe(texts, size=self.vocab_size, lower=lower, keep_blanks=True)]

    def _tokenizer(self) -> Tokenizer:
        tokenizer, _ = self.current_tokenizers()
        assert tokenizer is not None  # the data's own, or that of a model of the same kind
        return tokenizer

    def _lines(self, split: Split) -> tuple[Ragged, list[str], EncodedCorpus]:
        """All lines in a split's file with their ends, the types, and the lines as they are."""
        part, rows = self.holds(split)
        corpus = self.encoded(part) if rows is None else self.encoded(part).select(rows)
        types, end = list(corpus.source_types), self.line_end()
        if end not in types:
            types.append(end)
        source = corpus.source.cut(self.cut(split))
        blank = corpus.blank
        if blank.any():  # `<unk>` stands for a blank line
            real = ~np.repeat(blank, source.lengths)
            source = Ragged.from_lengths(source.values[real], source.lengths * ~blank)
        return source.framed(None, types.index(end)), types, corpus

    def _tokens(self, split: Split) -> tuple[np.ndarray, list[str]]:
        values, types = self.tokens(split)
        return self._enough(values, split), types

    def _enough(self, values: np.ndarray, split: Split) -> np.ndarray:
        if len(values) < 2:
            places = ", ".join(self.sums(split))
            raise DataError(
                f"{self.corpus}: the {split} split needs two tokens at least ({places})"
            )
        return values


def _token_size(lines: Ragged, corpus: EncodedCorpus, span: slice) -> TokenSize | None:
    """What a token of the lines that start in a span stands for; None where there are none."""
    within = np.zeros(len(lines.values) + 1, dtype=bool)
    within[span] = True
    rows = within[lines.offsets[:-1]]
    count = int(lines.lengths[rows].sum())
    words, characters = (
        int((column[rows] + 1).sum()) for column in (corpus.words, corpus.characters)
    )
    return TokenSize(words / count, characters / count) if count else None


def line_end(tokenizer: Tokenizer) -> str:
    """The token that ends a line of a text."""
    exact = tokenizer.level in ("char", "bpe")
    return tokenizer.split("\n")[0] if exact else EOS
