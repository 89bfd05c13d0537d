"""What all text corpora share: cache, vocabularies and encoding."""

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from rnnlab.data.base import Part, SequenceData, at_least
from rnnlab.data.cache import cached
from rnnlab.data.characters import CharacterIds, character_vocab, word_characters
from rnnlab.data.encoded import CorpusEncoder, EncodedCorpus, Example
from rnnlab.data.loader import Examples
from rnnlab.data.ragged import Ragged
from rnnlab.data.reading import sha256
from rnnlab.data.spec import Spec, Split
from rnnlab.data.tag_schemes import all_tags
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import END, PAD, START, UNK, Vocab
from rnnlab.errors import DataError

CHUNK = 1000
"""Examples that are split into tokens at a time."""


class TextData(SequenceData):
    """A corpus of texts; a subclass names its files and reads examples from them.

    A split is read and split into tokens once, and kept on disk as numbers over all tokens that
    occur; the vocabulary is applied when it is loaded, so that its options cost no second reading.

    Args:
        batch_size: Sequences in a batch.
        seed: Decides the order of training batches.
        min_freq: Rarer tokens of the training data are unknown.
        max_vocab_size: Largest number of tokens in a vocabulary; None for all.
        max_length: Longer sequences are cut to this number of tokens; None for no limit.

    Attributes:
        corpus: Its name on the command line.
        share_vocab: Whether sources and targets have one vocabulary.
        step_lines: Whether each step of an example stands in a line of its own, one behind the
            other.
    """

    corpus: ClassVar[str]
    step_lines: ClassVar[bool] = False
    share_vocab: bool = False

    def __init__(
        self,
        *,
        batch_size: int,
        seed: int,
        min_freq: int = 1,
        max_vocab_size: int | None = None,
        max_length: int | None = None,
    ) -> None:
        super().__init__(batch_size=batch_size, seed=seed)
        for option, value in {"max_vocab_size": max_vocab_size, "max_length": max_length}.items():
            at_least(option, 1 if value is None else value, 1)
        at_least("min_freq", min_freq, 0)
        self.min_freq = min_freq
        self.max_vocab_size = max_vocab_size
        self.max_length = max_length
        self._words: tuple[Sequence[str], bool] | None = None
        self._use_characters = False
        self._reused: Spec | None = None
        self._spec: Spec | None = None
        self._encoded: dict[Split, EncodedCorpus] = {}
        self._checksums: dict[str, str] = {}

    @abstractmethod
    def files(self, split: Split) -> list[Path]:
        """The files that decide what `read` gives; a missing one is a DataError."""

    @abstractmethod
    def read(self, split: Split) -> Iterator[Example]:
        """The examples of a split in the order of its files."""

    @abstractmethod
    def tokenizers(self) -> tuple[Tokenizer, Tokenizer | None]:
        """Tokenizers of sources and targets, made from the training data where they must be."""

    def settings(self, part: Split) -> Any:
        """Options, apart from tokenizers, that change what `read` gives; plain values."""
        return None

    def holds(self, split: Split) -> tuple[Split, np.ndarray | None]:
        """Which split's files hold a split, and the rows of them that it is; None for all."""
        return split, None

    def spec(self) -> Spec:
        """Vocabularies of the training data, or those given to `reuse`."""
        if self._spec is None:
            base = self._reused or self._build()
            if self._words is not None:
                assert isinstance(base.source, Vocab)  # built so, or checked by reuse
                words, lower_fallback = self._words
                source = base.source.extend(words, lower_fallback=lower_fallback)
                base = replace(base, source=source)
            self._spec = base
        return self._spec

    def examples(self, split: Split) -> Part:
        """One split, encoded; see the base class."""
        spec = self.spec()
        coded = self._select(split)
        assert isinstance(spec.source, Vocab)  # built so, or checked by reuse
        source = _cut(coded.source, spec.max_length)
        inputs = source.take(_table(spec.source, coded.source_types))
        if self.kind == "label":
            target: Ragged | np.ndarray = self._known(coded, spec).values.astype(np.int64)
        elif self.kind == "tags":
            target = _cut(self._known(coded, spec), spec.max_length)
        else:
            assert isinstance(spec.target, Vocab)  # built so, or checked by reuse
            table = _table(spec.target, coded.target_types)
            cut = _cut(coded.target, spec.max_length).take(table)
            target = cut.framed(spec.target.start_id, spec.target.end_id)
        characters = None
        if spec.characters is not None:
            characters = CharacterIds(source, word_characters(coded.source_types, spec.characters))
        return Examples(inputs, target, coded.texts or None, characters)

    def sentences(self, split: Split) -> tuple[Ragged, list[str]]:
        """The inputs of a split as they were read: uncut, no token unknown.

        Returns:
            Sequences of positions in the list of tokens, and that list.

        Raises:
            DataError: The split is empty.
        """
        coded = self._select(split)
        return coded.source, coded.source_types

    def add_words(self, words: Sequence[str], *, lower_fallback: bool) -> None:
        """See the base class."""
        self._words = (words, lower_fallback)
        self._spec = None

    def use_characters(self) -> None:
        """See the base class."""
        self._use_characters = True
        self._spec = None

    def reuse(self, spec: Spec) -> None:
        """See the base class.

        Raises:
            DataError: The model learnt from data of another kind.
        """
        if spec.kind != self.kind or not isinstance(spec.source, Vocab):
            inputs = "text" if isinstance(spec.source, Vocab) else "numbers"
            raise DataError(
                f"{self.corpus} is text with {self.kind}; the trained model reads {inputs} and "
                f"gives {spec.kind}"
            )
        self._reused = spec
        self._spec = None
        self._encoded.clear()

    def checksums(self) -> dict[str, str]:
        """sha256 of each file read so far."""
        return dict(self._checksums)

    def current_tokenizers(self) -> tuple[Tokenizer | None, Tokenizer | None]:
        """Those of the trained model that is reused, else the data's own."""
        if self._reused is not None:
            return self._reused.source_tokenizer, self._reused.target_tokenizer
        return self.tokenizers()

    def encoded(self, part: Split) -> EncodedCorpus:
        """All examples in the files of a split, from the cache where they are there."""
        if part not in self._encoded:
            found = self.sums(part)
            self._checksums |= found
            source, target = self.current_tokenizers()
            key = [
                sorted(found.items()),
                self.settings(part),
                [None if t is None else t.to_dict() for t in (source, target)],
            ]
            self._encoded[part] = cached(
                f"{self.corpus}/{part}",
                key,
                lambda: self._code(part, source, target),
                write=lambda stream, coded: coded.write(stream),
                read=EncodedCorpus.read,
            )
        return self._encoded[part]

    def sums(self, part: Split) -> dict[str, str]:
        """sha256 of the files of a split, by the names that `checksums` gives them."""
        return {self.shown(path): sha256(path) for path in self.files(part)}

    def shown(self, path: Path) -> str:
        """A file's name in `checksums`."""
        return str(path)

    def _code(
        self, part: Split, source: Tokenizer | None, target: Tokenizer | None
    ) -> EncodedCorpus:
        coder = CorpusEncoder()
        # kept for other data roots too: no file is named by where it is today
        names = {str(path): self.shown(path) for path in self.files(part)}
        examples = (e._replace(file=names.get(e.file, e.file)) for e in self.read(part))
        while chunk := list(islice(examples, CHUNK)):
            sources = _split([example.source for example in chunk], source)
            targets = _split([example.target for example in chunk], target)
            for example, left, right in zip(chunk, sources, targets, strict=True):
                coder.add(example, left, right)
        return coder.encoded()

    def _select(self, split: Split) -> EncodedCorpus:
        part, rows = self.holds(split)
        coded = self.encoded(part) if rows is None else self.encoded(part).select(rows)
        if not len(coded):
            places = ", ".join(str(path) for path in self.files(part))
            raise DataError(f"{self.corpus}: the {split} split is empty ({places})")
        return coded

    def _build(self) -> Spec:
        train = self._select("train")
        source_tokenizer, target_tokenizer = self.tokenizers()
        counts = _counts(_cut(train.source, self.max_length), train.source_types)
        if self.kind != "tokens":
            found = _counts(train.target, train.target_types)
            labels = all_tags(found) if self.kind == "tags" else sorted(found)
            source, target = self._vocab(counts, (PAD, UNK)), Vocab(labels)
        else:
            specials = (PAD, UNK, START, END)
            others = _counts(_cut(train.target, self.max_length), train.target_types)
            if self.share_vocab:
                for token, count in others.items():
                    counts[token] = counts.get(token, 0) + count
                source = target = self._vocab(counts, specials)
            else:
                source, target = self._vocab(counts, (PAD, UNK)), self._vocab(others, specials)
        return Spec(
            source=source,
            target=target,
            kind=self.kind,
            source_tokenizer=source_tokenizer,
            target_tokenizer=target_tokenizer,
            max_length=self.max_length,
            characters=character_vocab(_counts(train.source, train.source_types))
            if self._use_characters
            else None,
        )

    def _vocab(self, counts: dict[str, int], specials: tuple[str, ...]) -> Vocab:
        return Vocab.build(
            counts, specials=specials, min_freq=self.min_freq, max_size=self.max_vocab_size
        )

    def _known(self, coded: EncodedCorpus, spec: Spec) -> Ragged:
        """Ids of labels or tags; an unknown one is a DataError that names its place."""
        assert isinstance(spec.target, Vocab)  # labels have names
        known = spec.target
        ids = coded.target.take(
            np.array([known.id(t) if t in known else -1 for t in coded.target_types], np.int32)
        )
        wrong = np.flatnonzero(ids.values < 0)
        if wrong.size:
            position = int(wrong[0])
            row = int(np.searchsorted(ids.offsets, position, side="right")) - 1
            what = "label" if self.kind == "label" else "tag"
            label = coded.target_types[coded.target.values[position]]
            origin = "the training data has" if self._reused is None else "the trained model knows"
            step = position - int(ids.offsets[row]) if self.step_lines else 0
            raise DataError(
                f"{coded.place(row, step)}: unseen {what} {label!r}; "
                f"{origin} {', '.join(known.tokens)}"
            )
        return ids


def _split(
    items: list[str | Sequence[str]], tokenizer: Tokenizer | None
) -> Iterable[Sequence[str]]:
    texts = [item for item in items if isinstance(item, str)]
    if not texts:
        return [item for item in items if not isinstance(item, str)]
    assert tokenizer is not None  # a corpus that gives texts has one
    return tokenizer.split_all(texts)


def _cut(sequences: Ragged, max_length: int | None) -> Ragged:
    return sequences if max_length is None else sequences.cut(max_length)


def _table(vocab: Vocab, types: list[str]) -> np.ndarray:
    return np.array(vocab.ids(types), dtype=np.int32)


def _counts(sequences: Ragged, types: list[str]) -> dict[str, int]:
    counts = np.bincount(sequences.values, minlength=len(types))
    return {token: int(count) for token, count in zip(types, counts, strict=True) if count}
