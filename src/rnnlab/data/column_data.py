"""What corpora of tagged sentences in columns share."""

from collections.abc import Iterable, Iterator
from typing import Annotated, Any, ClassVar

from rnnlab.config.types import LEARNT
from rnnlab.data.encoded import Example
from rnnlab.data.formats.conll_columns import read_columns
from rnnlab.data.sequences import TaggedData
from rnnlab.data.spec import Spec, Split
from rnnlab.data.tag_schemes import Scheme, is_bioes, to_bioes
from rnnlab.data.vocab import UNK


class ColumnData(TaggedData):
    """Sentences with one tag a token, from files with a column of tags.

    Args:
        tag_column: The column to learn, from 0; negative counts from the last.
        scheme: How a model learns entities, whatever the files have; other tags need `iob2`.
    """

    step_lines: ClassVar[bool] = True

    tag_column: int = -1
    scheme: Annotated[Scheme, LEARNT] = "iob2"

    @property
    def iob_only(self) -> bool:
        """Whether other tags than `O`, `B-TYPE` and `I-TYPE` are a mistake in the file."""
        return False

    def read(self, split: Split) -> Iterator[Example]:
        """The sentences of a split."""
        for path in self.files(split):
            yield from read_columns(
                path, tag_column=self.tag_column, iob_only=self.iob_only, scheme=self.scheme
            )

    def settings(self, part: Split) -> Any:
        """The column to learn, and how it is written."""
        return [self.tag_column, self.scheme]

    def reuse(self, spec: Spec) -> None:
        """See the base class; entities are written as the trained model has learnt them."""
        super().reuse(spec)
        self.scheme = "bioes" if is_bioes(spec.target_vocab.tokens) else "iob2"

    def dry_examples(self) -> Iterable[Example]:
        """Entities of one type, in the scheme."""
        if self.scheme == "iob2":
            return super().dry_examples()
        return [Example((UNK,) * 3, to_bioes(["O", "B-X", "I-X"]), "")]
