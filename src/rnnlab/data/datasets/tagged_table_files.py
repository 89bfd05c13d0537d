"""Tagged sentences from tables of the user's own: a list of tokens and a list of tags a row."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from rnnlab.config.types import LEARNT
from rnnlab.data.encoded import Example
from rnnlab.data.formats.conll_columns import written
from rnnlab.data.formats.tables import Row, as_list, is_table
from rnnlab.data.sequences import TaggedData
from rnnlab.data.spec import Spec, Split
from rnnlab.data.table_data import TableData
from rnnlab.data.tag_schemes import Scheme, is_bioes
from rnnlab.errors import DataError


class TaggedTableFiles(TableData, TaggedData):
    """Sentences with a list of tokens and a list of tags each: JSON lines, parquet, saved data set.

    Args:
        tokens: The column of the tokens.
        tags: The column of the tags; names that Hugging Face's `ClassLabel` has are used.
        scheme: How a model learns entities, whatever the files have; other tags need `iob2`.
    """

    corpus = "tagged_table_files"

    tokens: str = "tokens"
    tags: str = "tags"
    scheme: Annotated[Scheme, LEARNT] = "iob2"

    def read_file(self, split: Split) -> Iterator[Example]:
        """The sentences; lists of unequal length are a DataError, empty ones are skipped."""
        rows = [*self._sentences(self.file(split), self.tokens, self.tags)]
        bioes = is_bioes({tag for _, (_, tags) in rows for tag in tags})
        for row, (tokens, tags) in rows:
            if len(tokens) != len(tags) or not all(tokens) or not all(tags):
                raise DataError(
                    f"{row.place}: {len(tokens)} tokens and {len(tags)} tags, one of each is needed"
                    f"{'' if all(tokens) and all(tags) else '; one is empty'}"
                )
            if tokens:
                found = written(tags, bioes, self.scheme, [row.place] * len(tags))
                yield Example(tokens, found, row.file, row.line)

    def texts(self, path: Path) -> Iterator[str] | None:
        """The tokens with blanks between, in a file whose name says that it is a table."""
        if not is_table(path):
            return None
        return (" ".join(tokens) for _, (tokens,) in self._sentences(path, self.tokens))

    def _sentences(self, path: Path, *columns: str) -> Iterator[tuple[Row, list[list[str]]]]:
        for row in self.rows(path, *columns):
            cells = zip(row.values, columns, strict=True)
            yield row, [as_list(value, row.place, column) for value, column in cells]

    def settings(self, part: Split) -> Any:
        """The columns, how they are read, and what is held out."""
        return [self.tokens, self.tags, self.scheme, self.layout(), self.held_out(part)]

    def reuse(self, spec: Spec) -> None:
        """See the base class; entities are written as the trained model has learnt them."""
        super().reuse(spec)
        self.scheme = "bioes" if is_bioes(spec.target_vocab.tokens) else "iob2"
