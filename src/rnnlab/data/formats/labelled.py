"""Tables of labelled texts: `text<TAB>label` a line, or CSV, with or without a header."""

import csv
import re
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from rnnlab.data.encoded import Example
from rnnlab.data.formats.delimited import numbered
from rnnlab.data.reading import lines
from rnnlab.errors import DataError

TEXTS = re.compile(
    r"texts?|sentences?|review|content|comment|tweet|message|document|body|utterance|query|question"
)
LABELS = re.compile(
    r"labels?|class|category|target|sentiment|intent|topic|rating|score|language|polarity|emotion"
)
"""Names of columns by which a header is known."""

COMMON = 5
"""A first row whose label stands nowhere else is a header where other labels are so common."""

_QUOTED = re.compile('"(?:[^"]|"")*"')


class LabelledTable(NamedTuple):
    """How a file is to be read.

    Attributes:
        path: The file.
        delimiter: What parts columns.
        quoted: Whether quotes around a cell are not part of it.
        header: The cells of the first row if it names the columns, else none.
        text: The column of the texts.
        label: The column of the labels.
        width: Columns of every row; 0 for any.
    """

    path: Path
    delimiter: str
    quoted: bool
    header: Sequence[str] = ()
    text: int = 0
    label: int = 1
    width: int = 2

    def __str__(self) -> str:
        """What was recognised, in words; empty for plain `text<TAB>label`."""
        found = [
            {"\t": "", ",": "commas part columns"}.get(self.delimiter, "semicolons part columns")
        ]
        found.append(
            "quotes around fields removed" if self.quoted and self.delimiter == "\t" else ""
        )
        if self.header:
            found.append(f"header row skipped ({', '.join(self.header)})")
        if (self.text, self.label) != (0, 1):
            found.append(f"text in column {self.text}, label in column {self.label}, from 0")
        return "; ".join(filter(None, found))

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Number of the (first) line and cells of every row; blank lines are none."""
        if not self.quoted:
            for number, line in lines(self.path):
                if line and not line.isspace():
                    yield number, line.split(self.delimiter)
            return
        csv.field_size_limit(sys.maxsize)
        reader = csv.reader(
            (f"{line}\n" for _, line in lines(self.path)), delimiter=self.delimiter, strict=True
        )
        yield from numbered(reader, self.path)

    def read(self) -> Iterator[Example]:
        """The texts with their labels.

        Raises:
            DataError: A row with another number of columns, or without a label.
        """
        rows = self.rows()
        if self.header:
            next(rows)
        for number, row in rows:
            place = f"{self.path}:{number}"
            if len(row) != self.width and (self.width or len(row) <= max(self.text, self.label)):
                hint = "data.columns=[TEXT,LABEL] says which columns are wanted"
                if self.width == 2 and self.delimiter == "\t":
                    tabs = len(row) - 1
                    raise DataError(f"{place}: text<TAB>label needs one tab, not {tabs}; {hint}")
                raise DataError(
                    f"{place}: {len(row)} columns, not {self.width or 'enough'}; {hint}"
                )
            text, label = row[self.text], row[self.label].strip()
            if not label:
                raise DataError(f"{place}: the label is empty")
            yield Example(text, (label,), str(self.path), number)


def recognise(path: Path, columns: tuple[int, int] | None) -> LabelledTable:
    """How a file is to be read.

    A `.csv` file is parted by commas or semicolons, any other by tabs. A file has quotes if every
    cell that starts with one is quoted as CSV has it, and all texts are, or one that has quotes in
    it. Its first row is a header where its label is no other row's and it names a column as
    headers do, or every other label is common.

    Args:
        path: A plain or gzipped UTF-8 file.
        columns: Those of text and label, from 0; None for those that the header names, else the
            first and the second of two.
    """
    table = _without_header(path)
    rows = table.rows()
    _, first = next(rows, (0, []))
    names = [cell.strip().casefold() for cell in first]
    texts = [at for at, name in enumerate(names) if TEXTS.fullmatch(name)]
    targets = [at for at, name in enumerate(names) if LABELS.fullmatch(name)]
    if columns is not None:
        table = table._replace(text=columns[0], label=columns[1], width=0)
    elif len(texts) == len(targets) == 1:
        table = table._replace(text=texts[0], label=targets[0], width=len(first))
    if len(first) <= max(table.text, table.label):
        return table
    labels = Counter(row[table.label].strip() for _, row in rows if len(row) > table.label)
    named = table.text in texts or table.label in targets
    common = len(labels) > 1 and min(labels.values()) >= COMMON and " " not in first[table.text]
    if first[table.label].strip() not in labels and labels and (named or common):
        return table._replace(header=[cell.strip() for cell in first])
    if columns is None:  # names in a row that is no header say nothing
        return table._replace(text=0, label=1, width=2)
    return table


def _without_header(path: Path) -> LabelledTable:
    if path.name.removesuffix(".gz").endswith(".csv"):
        first = next((line for _, line in lines(path) if line.strip()), "")
        outside = re.sub('"[^"]*("|$)', "", first)
        return LabelledTable(path, max(",;\t", key=outside.count), quoted=True)
    plain = LabelledTable(path, "\t", quoted=False)
    starting = whole = doubled = texts = 0
    for _, row in plain.rows():
        texts += 1
        for cell in row:
            if cell.startswith('"'):
                starting += 1
                whole += _QUOTED.fullmatch(cell) is not None
                doubled += '""' in cell[1:-1]
    sure = doubled or starting >= texts
    return plain._replace(quoted=bool(starting) and starting == whole and bool(sure))
