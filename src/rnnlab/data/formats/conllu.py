"""CoNLL-U files: ten columns a word, a blank line between sentences."""

from collections.abc import Iterator
from pathlib import Path

from rnnlab.data.encoded import Example
from rnnlab.data.formats.conll_columns import sentences
from rnnlab.data.reading import lines
from rnnlab.errors import DataError

COLUMNS = 10
FORM = 1


def read_conllu(path: Path, *, column: int) -> Iterator[Example]:
    """Sentences with one tag a syntactic word.

    Comments (`#`), rows of multi-word tokens (`1-2`) and empty nodes (`8.1`) are skipped: the
    words that a multi-word token stands for have rows of their own.

    Args:
        path: A plain or gzipped UTF-8 file.
        column: The column of the tags, from 0.

    Raises:
        DataError: A row without ten columns parted by tabs, with another id than the next one,
            or without a form or tag; names file and line.
    """
    return sentences(_rows(path, column), str(path))


def _rows(path: Path, column: int) -> Iterator[tuple[int, str, str]]:
    """Line numbers, forms and tags; no form between sentences."""
    expected = 1
    for number, line in lines(path):
        if not line.strip():
            yield number, "", ""
            expected = 1
            continue
        if line.startswith("#"):
            continue
        row = line.split("\t")
        if len(row) != COLUMNS:
            raise DataError(f"{path}:{number}: {len(row)} columns, CoNLL-U has {COLUMNS}")
        if "-" in row[0] or "." in row[0]:
            continue
        if row[0] != str(expected):
            raise DataError(f"{path}:{number}: id {row[0]!r}, where {expected} comes next")
        if not row[FORM] or row[column] in ("", "_"):
            raise DataError(f"{path}:{number}: no form, or no tag in column {column + 1}")
        expected += 1
        yield number, row[FORM], row[column]
