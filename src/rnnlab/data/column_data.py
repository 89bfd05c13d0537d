"""What corpora of tagged sentences in columns share."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Any, ClassVar

from rnnlab.config.types import LEARNT
from rnnlab.data.encoded import Example
from rnnlab.data.formats.conll_columns import read_columns
from rnnlab.data.sequences import TaggedData
from rnnlab.data.spec import Spec, Split
from rnnlab.data.tag_schemes import Scheme, is_bioes


class ColumnData(TaggedData):
    """Sentences with one tag a token, from files with a column of tags.

    Args:
        tag_column: The column to learn, from 0; negative counts from the last.
        scheme: How a model learns entities, whatever the files have; other tags need `iob2`.

    Attributes:
        iob_columns: Columns in which tags other than `O`, `B-TYPE` and `I-TYPE` are mistakes.
    """

    step_lines = True
    iob_columns: ClassVar[tuple[int, ...]] = ()

    tag_column: int = -1
    scheme: Annotated[Scheme, LEARNT] = "iob2"

    def read(self, split: Split) -> Iterator[Example]:
        """The sentences of a split."""
        iob_only = self.tag_column in self.iob_columns
        return read_columns(
            self.file(split), tag_column=self.tag_column, iob_only=iob_only, scheme=self.scheme
        )

    def settings(self, part: Split) -> Any:
        """The column to learn, and how it is written."""
        return [self.tag_column, self.scheme]

    def reuse(self, spec: Spec) -> None:
        """See the base class; entities are written as the trained model has learnt them."""
        super().reuse(spec)
        self.scheme = "bioes" if is_bioes(spec.target_vocab.tokens) else "iob2"

    def dry_targets(self) -> Sequence[str]:
        """Entities of one type, in the scheme."""
        return ("O", "B-X") if self.scheme == "iob2" else ("O", "S-X")
