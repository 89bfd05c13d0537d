"""Tables of the user's own with named columns: what data sets of texts and of tags share."""

from collections.abc import Iterator
from pathlib import Path

from rnnlab.config.types import PositiveInt
from rnnlab.data.formats.delimited import Delimited
from rnnlab.data.formats.tables import Row, read_table
from rnnlab.data.formats.text_lines import check_encoding
from rnnlab.data.user_files import UserTexts
from rnnlab.errors import ConfigError


class TableData(UserTexts):
    """Tables with named columns: CSV, TSV, JSON lines, parquet, or a folder of these.

    Args:
        delimiter: What parts the columns of a text file; null for what the header shows: a comma,
            a tab, a semicolon or a bar.
        encoding: Of a text file, such as cp1252; null for UTF-8, or what its byte order mark says.
        quotes: Quotes around a cell of a text file are not part of it.
    """

    batch_size: PositiveInt | None = None
    delimiter: str | None = None
    encoding: str | None = None
    quotes: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        check_encoding(self.encoding)
        if self.delimiter is not None and (len(self.delimiter) != 1 or self.delimiter in '"\r\n'):
            raise ConfigError(f"data.delimiter: {self.delimiter!r} is not one character")

    def rows(self, path: Path, *columns: str) -> Iterator[Row]:
        """The wanted columns of a table; see `read_table`."""
        return read_table(path, columns, Delimited(self.delimiter, self.encoding, self.quotes))

    def layout(self) -> list[str | bool | None]:
        """What decides how a file is read."""
        return [self.delimiter, self.encoding, self.quotes]
