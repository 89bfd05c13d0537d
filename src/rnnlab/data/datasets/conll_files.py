"""Tagged sentences from the user's own column files."""

from collections.abc import Iterator
from typing import Any

from rnnlab.config.types import PositiveInt
from rnnlab.data.column_data import ColumnData
from rnnlab.data.encoded import Example
from rnnlab.data.spec import Split
from rnnlab.data.user_files import UserTexts


class CoNLLFiles(UserTexts, ColumnData):
    """One token and its tags a line, a blank line between sentences; plain or `.gz`.

    Columns are parted by tabs or blanks. Any set of tags will do; those that look like IOB1
    or BIOES become what `scheme` says.
    """

    corpus = "conll_files"

    batch_size: PositiveInt | None = None

    def read_file(self, split: Split) -> Iterator[Example]:
        """The sentences of the file."""
        return self.read_sentences(self.file(split))

    def settings(self, part: Split) -> Any:
        """See the base class; and what is held out."""
        return [*super().settings(part), self.held_out(part)]
