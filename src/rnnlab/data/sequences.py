"""Texts with a target each: a label, a tag for every token, or a second text."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import ClassVar, Literal, get_args

import numpy as np

from rnnlab.data.balanced import BalancedData
from rnnlab.data.characters import CharacterIds, character_vocab, word_characters
from rnnlab.data.content import Content, Item
from rnnlab.data.encoded import EncodedCorpus, Example, encode
from rnnlab.data.examples import Examples
from rnnlab.data.ragged import Ragged
from rnnlab.data.spec import Spec, Split
from rnnlab.data.tag_schemes import all_tags
from rnnlab.data.text import Limit, TextData, Tokenizers
from rnnlab.data.tokenizer import Level, Tokenizer
from rnnlab.data.vocab import END, PAD, START, UNK, Vocab
from rnnlab.errors import DataError, shortened

TARGET_SPECIALS = (PAD, UNK, START, END)
"""Entries that start the vocabulary of texts that are to be written."""


class SequenceTextData(TextData):
    """Examples of one text and its target; a subclass of each kind says what a target is.

    Args:
        max_length: The model reads this number of a text's tokens at most, and learns to write as
            many; None for no limit. What it is scored against is never cut.

    Attributes:
        units: What a source text is split into, where `tokenizers` says nothing else.
    """

    units: ClassVar[Level] = "word"

    max_length: Limit = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._use_characters = False

    def tokenizers(self) -> Tokenizers:
        """See the base class."""
        return Tokenizer(self.units, lower=self.lower), None

    def vocabularies(self, train: EncodedCorpus) -> tuple[Vocab, Vocab | int]:
        """Vocabularies of sources and targets, from the training data; of values their number K."""
        return self.vocab(train.source_counts(self.max_length)), self.target_vocab(train)

    @abstractmethod
    def target_vocab(self, train: EncodedCorpus) -> Vocab:
        """The vocabulary of targets, from the training data."""

    @abstractmethod
    def encode_targets(self, corpus: EncodedCorpus, spec: Spec) -> Ragged | np.ndarray:
        """Targets as `Examples` has them, uncut."""

    def dry_targets(self) -> Sequence[str]:
        """A few labels or tags, for `dry_spec`."""
        return ()

    def dry_tokenizers(self) -> Tokenizers:
        """Tokenizers that need no training, for `dry_spec`."""
        return self.tokenizers()

    def build_spec(self) -> Spec:
        """See the base class."""
        return self._spec_of(self.select("train"), self.current_tokenizers())

    def dry_spec(self) -> Spec:
        """See the base class."""
        tokenizers = self.dry_tokenizers()
        examples = (Example((UNK,), (target,), "") for target in self.dry_targets())
        return self._spec_of(encode(examples, *tokenizers), tokenizers)

    def examples(self, split: Split) -> Examples:
        """One split, encoded; see the base class."""
        spec = self.spec()
        corpus = self.select(split)
        if split == "train":
            corpus = corpus.cut(spec.max_length)
        source = corpus.source.cut(spec.max_length)
        characters = None
        if spec.characters is not None:
            characters = CharacterIds(source, word_characters(corpus.source_types, spec.characters))
        return Examples(
            source.take(spec.source_vocab.table(corpus.source_types)),
            self.encode_targets(corpus, spec),
            corpus.texts or None,
            characters,
            corpus.blank if corpus.blank.any() else None,
        )

    def content(self, split: Split) -> Content:
        """See the base class; classes, and the examples one by one."""
        found = replace(super().content(split), limit=self.max_length, items=self._items(split))
        if self._kind == "values":
            return replace(found, values=self.examples(split).target_ids())
        known = self._kind in ("label", "tags")
        return replace(found, classes=self.select(split).target_counts()) if known else found

    def _items(self, split: Split) -> Iterator[Item]:
        part, rows = self.holds(split)
        chosen = None if rows is None else set(rows.tolist())
        for row, example in enumerate(self.read(part)):
            if chosen is not None and row not in chosen:
                continue
            source, target = (
                side if isinstance(side, str) else " ".join(side)
                for side in (example.source, example.target)
            )
            place = f"{example.file}:{example.line}" if example.line else example.file
            yield Item(" ".join(source.casefold().split()), source, target, place)

    def use_characters(self) -> None:
        """See the base class."""
        self._use_characters = True
        self._spec = None

    def _spec_of(self, train: EncodedCorpus, tokenizers: Tokenizers) -> Spec:
        source, target = self.vocabularies(train)
        if self._started is not None:
            source = self._started.source_vocab
        characters = character_vocab(train.source_counts()) if self._use_characters else None
        return Spec(source, target, self._kind, *tokenizers, self.max_length, characters)

    def _counted(self, what: str) -> str:
        """The targets of the training data and how often each occurs."""
        counts = sorted(
            self.select("train").target_counts().items(), key=lambda item: (-item[1], item[0])
        )
        named = [f"{target} {count:,}" for target, count in counts]
        return f"{len(counts)} {what}: {shortened(named)}"

    def _known_targets(self, corpus: EncodedCorpus, vocab: Vocab) -> Ragged:
        """Ids of labels or tags; one that the vocabulary lacks is a DataError with its place."""
        table = [vocab.id(token) if token in vocab else -1 for token in corpus.target_types]
        ids = corpus.target.take(np.array(table))
        wrong = np.flatnonzero(ids.values < 0)
        if wrong.size:
            row = int(np.searchsorted(ids.offsets, wrong[0], side="right")) - 1
            step = int(wrong[0] - ids.offsets[row])
            what = f"tag at token {step + 1}," if self.kind == "tags" else "label"
            found = shortened([repr(corpus.target_types[corpus.target[row][step]])])
            owner = "the trained model knows" if self._reused else "the training data has"
            known = shortened(vocab.tokens, 20)
            raise DataError(f"{corpus.place(row)}: unseen {what} {found}; {owner} {known}")
        return ids


class LabelledData(BalancedData, SequenceTextData):
    """Texts with one label each."""

    kind = "label"

    def target_vocab(self, train: EncodedCorpus) -> Vocab:
        """The labels in alphabetical order."""
        return Vocab(sorted(train.target_counts()))

    def encode_targets(self, corpus: EncodedCorpus, spec: Spec) -> np.ndarray:
        """Ids of the labels (N,); an unknown one is a DataError that names its place."""
        return self._known_targets(corpus, spec.target_vocab).values.astype(np.int64)

    def remarks(self) -> list[str]:
        """See the base class; the classes, where a label is one."""
        found = super().remarks()
        return [*found, self._counted("classes")] if self._kind == "label" else found

    def dry_targets(self) -> Sequence[str]:
        """Two labels."""
        return "AB"


class TaggedData(SequenceTextData):
    """Sentences with one tag a token."""

    kind = "tags"
    units = "space"  # the text is tokenised already

    def start_from(self, spec: Spec) -> None:
        """See the base class; nothing changes, for tags are of words."""

    def target_vocab(self, train: EncodedCorpus) -> Vocab:
        """The tags; those of entities are complete even where the data has not all of them."""
        return Vocab(all_tags(train.target_counts()))

    def encode_targets(self, corpus: EncodedCorpus, spec: Spec) -> Ragged:
        """Ids of the tags; an unknown one is a DataError that names its place."""
        return self._known_targets(corpus, spec.target_vocab)

    def remarks(self) -> list[str]:
        """See the base class; the tags."""
        return [*super().remarks(), self._counted("tags")]

    def dry_targets(self) -> Sequence[str]:
        """Two parts of speech."""
        return "ADJ", "NOUN"


class PairData(SequenceTextData):
    """Texts with another text each, which is to be written."""

    kind = "tokens"

    def target_vocab(self, train: EncodedCorpus) -> Vocab:
        """See the base class."""
        return self.vocab(train.target_counts(self.max_length), TARGET_SPECIALS)

    def encode_targets(self, corpus: EncodedCorpus, spec: Spec) -> Ragged:
        """Ids of the target's tokens between `<s>` and `</s>`."""
        vocab = spec.target_vocab
        ids = corpus.target.take(vocab.table(corpus.target_types))
        return ids.framed(vocab.start_id, vocab.end_id)

    def remarks(self) -> list[str]:
        """See the base class; how many pairs have a blank side."""
        found = super().remarks()
        for split in get_args(Split):
            corpus = self.select(split)
            blank = int((corpus.blank | (corpus.target.lengths == 0)).sum())
            use = "learnt as they are" if split == "train" else "a blank source has an empty answer"
            if blank:
                found.append(f"{blank:,} of {len(corpus):,} {split} pairs have a blank side: {use}")
        return found


class LabelToText(PairData):
    """Put before a corpus of labelled texts, it makes the labels sources and the texts targets.

    Attributes:
        text_side: Where `LabelledTexts` finds the text.

    It cannot be put before a corpus whose splits depend on its encoded texts (`TextData.holds`).
    """

    text_side: ClassVar[Literal[0, 1]] = 1

    def read(self, split: Split) -> Iterator[Example]:
        """The corpus's examples, sides exchanged."""
        for example in super().read(split):  # type: ignore[safe-super]  # the corpus's own
            yield example._replace(source=example.target, target=example.source)

    def start_from(self, spec: Spec) -> None:
        """See the base class; nothing changes, for sources are labels."""

    def tokenizers(self) -> Tokenizers:
        """Whole labels, and the corpus's tokenizer of texts."""
        return Tokenizer("whole"), super().tokenizers()[0]
