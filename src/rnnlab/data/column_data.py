"""What corpora of tagged sentences in columns share."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar

from rnnlab.config.types import LEARNT, NonNegativeInt
from rnnlab.data.encoded import EncodedCorpus, Example
from rnnlab.data.formats.conll_columns import layout, read_columns
from rnnlab.data.sequences import TaggedData
from rnnlab.data.spec import Spec, Split
from rnnlab.data.tag_schemes import Scheme, is_bioes
from rnnlab.data.vocab import Vocab
from rnnlab.errors import DataError, shortened

FEW = 20
"""So many tags are never too many."""


class ColumnData(TaggedData):
    """Sentences with one tag a token, from files with a column of tags.

    Args:
        token_column: The column of the words, from 0; null for the first, or the second where the
            first numbers the words of each sentence, as in CoNLL-U.
        tag_column: The column to learn, from 0; negative counts from the last.
        scheme: How a model learns entities, whatever the files have; other tags need `iob2`.

    Attributes:
        iob_columns: Columns in which tags other than `O`, `B-TYPE` and `I-TYPE` are mistakes.
    """

    iob_columns: ClassVar[tuple[int, ...]] = ()

    token_column: NonNegativeInt | None = None
    tag_column: int = -1
    scheme: Annotated[Scheme, LEARNT] = "iob2"

    def read(self, split: Split) -> Iterator[Example]:
        """The sentences of a split."""
        return self.read_sentences(self.file(split))

    def read_sentences(self, path: Path) -> Iterator[Example]:
        """The sentences of a file."""
        return read_columns(
            path,
            tag_column=self.tag_column,
            token_column=self.token_column,
            iob_only=self.tag_column in self.iob_columns,
            scheme=self.scheme,
        )

    def settings(self, part: Split) -> Any:
        """The columns, and how the tags are written."""
        return [self.token_column, self.tag_column, self.scheme]

    def reuse(self, spec: Spec) -> None:
        """See the base class; entities are written as the trained model has learnt them."""
        super().reuse(spec)
        self.scheme = "bioes" if is_bioes(spec.target_vocab.tokens) else "iob2"

    def target_vocab(self, train: EncodedCorpus) -> Vocab:
        """See the base class; so many tags that they look like words are a DataError."""
        vocab = super().target_vocab(train)
        words = len(train.source_types)
        if len(vocab) > max(FEW, words // 2):
            raise DataError(
                f"{train.files[0]}: {len(vocab):,} different tags of {words:,} different words, "
                f"such as {shortened(vocab.tokens, 3)}; data.tag_column says which column has them"
            )
        return vocab

    def remarks(self) -> list[str]:
        """See the base class; the columns."""
        file, tag = self.file("train"), self.tag_column
        _, width, word, numbered = layout(file, tag, self.token_column)
        counted = "; column 0 numbers them" if numbered else ""
        found = f"words in column {word}, tags in column {tag % width} of 0 to {width - 1}{counted}"
        return [*super().remarks(), found]

    def dry_targets(self) -> Sequence[str]:
        """Entities of one type, in the scheme."""
        return ("O", "B-X") if self.scheme == "iob2" else ("O", "S-X")
