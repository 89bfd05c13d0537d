"""Tables with named columns in any format: text, JSON lines, parquet, and folders of them."""

import math
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from rnnlab.data.formats.arrow import read_parquet, read_saved
from rnnlab.data.formats.delimited import Delimited, missing
from rnnlab.data.formats.json_lines import read_json_lines
from rnnlab.data.reading import broken_files, decode
from rnnlab.errors import DataError

Reader = Callable[[Path, Sequence[str]], Iterator[tuple[int, list[Any]]]]

TEXTS = (".csv", ".tsv", ".tab", ".txt")
READERS: dict[str, Reader] = {
    ".jsonl": read_json_lines,
    ".ndjson": read_json_lines,
    ".json": read_json_lines,
    ".parquet": read_parquet,
}
"""By the end of a file's name; any other is a table of text."""


class Row(NamedTuple):
    """The wanted values of one row.

    Attributes:
        values: In the order of the columns.
        file: Where it stands.
        line: Its (first) line, from 1; of what has no lines the number of the row.
    """

    values: list[Any]
    file: str
    line: int

    @property
    def place(self) -> str:
        """file:line."""
        return f"{self.file}:{self.line}" if self.line else self.file


def is_table(path: Path) -> bool:
    """Whether a file's name says that it is a table, or it is a folder."""
    return path.is_dir() or _suffix(path) in (*READERS, ".csv", ".tsv", ".tab")


def read_table(path: Path, columns: Sequence[str], layout: Delimited) -> Iterator[Row]:
    """The rows of a file; or of a folder of tables, of a saved data set, or of texts by label.

    A folder `LABEL/*.txt` is a table with the columns `text` and `label`.

    Args:
        path: A file, plain or `.gz`, or a folder.
        columns: Names of those to give.
        layout: How tables of text are read.

    Raises:
        DataError: A file is missing or damaged, or a column is; names file and line.
        ConfigError: A package is missing that the format needs.
    """
    if not path.is_dir():
        reader = READERS.get(_suffix(path), layout.read)
        yield from (Row(values, str(path), line) for line, values in reader(path, columns))
    elif (path / "state.json").is_file():
        yield from (Row(values, str(path), line) for line, values in read_saved(path, columns))
    elif (path / "dataset_dict.json").is_file():
        inner = sorted(part.name for part in path.iterdir() if part.is_dir())
        raise DataError(f"{path}: a data set with {', '.join(inner)}; name one: {path / inner[0]}")
    else:
        yield from _folder(path, columns, layout)


def _folder(path: Path, columns: Sequence[str], layout: Delimited) -> Iterator[Row]:
    with broken_files(path):
        files = sorted(file for file in path.iterdir() if _suffix(file) in (*READERS, *TEXTS))
        texts = sorted(path.glob("*/*.txt"))
    for file in files:
        yield from read_table(file, columns, layout)
    if files:
        return
    for file in texts:
        with broken_files(file):
            text = decode(file.read_bytes(), str(file))
        values = {"text": text, "label": file.parent.name}
        for column in columns:
            if column not in values:
                raise missing(str(path), column, [*values])
        yield Row([values[column] for column in columns], str(file), 0)
    if not texts:
        raise DataError(
            f"{path}: a folder without tables ({', '.join(READERS)}, .csv, .tsv) and "
            "without texts by label (LABEL/*.txt)"
        )


def _suffix(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).suffix.lower()


def as_text(value: Any, place: str, column: str) -> str:
    """A cell as text: what is missing is empty.

    Raises:
        DataError: It is a list or an object.
    """
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, list | dict | bytes):
        kind = {list: "a list", dict: "an object", bytes: "bytes"}[type(value)]
        raise DataError(f"{place}: column {column!r} has {kind}, where a text is needed")
    return str(value)


def as_list(value: Any, place: str, column: str) -> list[str]:
    """A cell as a list of texts.

    Raises:
        DataError: It is none.
    """
    if not isinstance(value, list):
        raise DataError(f"{place}: column {column!r} has {value!r:.40}, where a list is needed")
    return [as_text(item, place, column) for item in value]
