"""Tables as text, CSV or TSV, with a header row and quotes, as pandas and Excel write them."""

import csv
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from rnnlab.data.formats.text_lines import text_lines
from rnnlab.errors import DataError, shortened

DELIMITERS = (",", "\t", ";", "|")
"""What may part the columns of a file that does not say."""

_EXCEL = re.compile("sep=(.)", re.I)
_REASONS = {
    "unexpected end of data": "a quoted field that begins in this row is never closed",
    "expected after": "text behind a closing quote (inside of a quoted field quotes are doubled)",
}


@dataclass(frozen=True)
class Delimited:
    """How tables of text are read.

    Attributes:
        delimiter: What parts columns; None for the one that gives the header the wanted columns.
        encoding: See `text_lines`.
        quotes: Whether quotes around a field are not part of it.
    """

    delimiter: str | None = None
    encoding: str | None = None
    quotes: bool = True

    def read(self, path: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[Any]]]:
        """The wanted cells of each row, and the number of its first line; blank rows are skipped.

        Raises:
            DataError: A wanted column is not in the header, a row has another number of cells, or
                a quote is out of place. Names file and line.
        """
        first = next((line for _, line in text_lines(path, self.encoding) if line.strip()), "")
        excel = _EXCEL.fullmatch(first)
        delimiter = self.delimiter or (excel[1] if excel else _guess(first, columns, self.quotes))
        rows = self._rows(path, delimiter)
        if excel:
            next(rows)
        number, header = next(rows, (1, []))
        names = [name.strip() for name in header]
        at = [_position(f"{path}:{number}", names, column) for column in columns]
        for number, row in rows:
            if len(row) != len(names):
                raise DataError(
                    f"{path}:{number}: {len(row)} cells, the header has {len(names)} "
                    f"(parted by {delimiter!r}; a cell that has one needs quotes around it)"
                )
            yield number, [row[position] for position in at]

    def _rows(self, path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
        csv.field_size_limit(sys.maxsize)
        lines = (f"{line}\n" for _, line in text_lines(path, self.encoding))
        return numbered(_reader(lines, delimiter, self.quotes), path, _explain)


def numbered(
    reader: Any, path: Path, explain: Callable[[csv.Error], str] = str
) -> Iterator[tuple[int, list[str]]]:
    """The rows of a `csv.reader` that are not blank, with the number of their first line.

    Args:
        reader: It.
        path: The file, for messages.
        explain: What an error says.

    Raises:
        DataError: A row cannot be read; names the line.
    """
    number = 0
    try:
        for row in reader:
            if any(map(str.strip, row)):
                yield number + 1, row
            number = reader.line_num
    except csv.Error as error:
        raise DataError(f"{path}:{number + 1}: {explain(error)}") from None


def _explain(error: csv.Error) -> str:
    reason = next((r for key, r in _REASONS.items() if key in str(error)), str(error))
    return f"{reason}; data.quotes=false if quotes are part of the text"


def _reader(lines: Iterable[str], delimiter: str, quotes: bool, strict: bool = True) -> Any:
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quotes else csv.QUOTE_NONE
    return csv.reader(lines, delimiter=delimiter, strict=strict, quoting=quoting)


def _guess(first: str, columns: Sequence[str], quotes: bool) -> str:
    """The delimiter that gives a header most of the wanted columns, then most columns at all."""

    def gain(delimiter: str) -> tuple[int, int]:
        cells: list[str] = next(_reader([f"{first}\n"], delimiter, quotes, strict=False), [])
        names = {cell.strip() for cell in cells}
        return len(names.intersection(columns)), len(cells)

    return max(DELIMITERS, key=gain)


def _position(place: str, names: Sequence[str], column: str) -> int:
    found = [at for at, name in enumerate(names) if name == column]
    if len(found) > 1:
        raise DataError(f"{place}: {len(found)} columns are named {column!r}")
    if not found:
        raise missing(place, column, names)
    return found[0]


def missing(place: str, column: str, names: Sequence[str]) -> DataError:
    """The error for a column that is not there."""
    listed = shortened([repr(name) for name in names], 20) or "nothing"
    near = get_close_matches(column, names, 1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    return DataError(
        f"{place}: no column {column!r}; the columns are {listed}{hint} (data.text, data.label "
        "and the like name columns; the first row of a CSV file is its header)"
    )
