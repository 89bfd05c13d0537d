"""What corpora of tagged sentences in columns share."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar

from rnnlab.config.types import LEARNT, NonNegativeInt
from rnnlab.data.encoded import Example
from rnnlab.data.formats.conll_columns import read_columns
from rnnlab.data.sequences import TaggedData
from rnnlab.data.spec import Spec, Split
from rnnlab.data.tag_schemes import Scheme, is_bioes


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
        return read_columns(
            self.file(split),
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

    def dry_targets(self) -> Sequence[str]:
        """Entities of one type, in the scheme."""
        return ("O", "B-X") if self.scheme == "iob2" else ("O", "S-X")
