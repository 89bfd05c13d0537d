"""JSON lines: an object a line; or one list of objects, as pandas writes records."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from rnnlab.data.formats.delimited import missing
from rnnlab.data.formats.text_lines import text_lines
from rnnlab.errors import DataError


def read_json_lines(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, list[Any]]]:
    """The wanted values of each object, and its line; of a list its number. Blank lines are none.

    Args:
        path: A plain or `.gz` file.
        columns: Keys that each object must have.

    Raises:
        DataError: A line is no JSON object, or lacks a key. Names file and line.
    """
    for number, item in _objects(path):
        place = f"{path}:{number}"
        if not isinstance(item, dict):
            raise DataError(f"{place}: {type(item).__name__}, where an object {{...}} is needed")
        for column in columns:
            if column not in item:
                raise missing(place, column, [*item])
        yield number, [item[column] for column in columns]


def _objects(path: Path) -> Iterator[tuple[int, Any]]:
    first = next((line for _, line in text_lines(path, None) if line.strip()), "")
    if first.lstrip().startswith("["):
        text = "\n".join(line for _, line in text_lines(path, None))
        yield from enumerate(_parsed(text, f"{path}"), start=1)
        return
    for number, line in text_lines(path, None):
        if line.strip():
            yield number, _parsed(line, f"{path}:{number}")


def _parsed(text: str, place: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise DataError(f"{place}: not JSON ({error}); one object a line is needed") from None
    except RecursionError:
        raise DataError(f"{place}: JSON nested too deeply") from None
