"""Column files: one token and its tags a line, a blank line between sentences."""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from rnnlab.data.encoded import Example
from rnnlab.data.reading import lines
from rnnlab.data.tag_schemes import (
    IOB,
    Scheme,
    bioes_error,
    bioes_to_iob2,
    is_bioes,
    is_iob,
    to_bioes,
    to_iob2,
)
from rnnlab.errors import DataError

_DOCUMENT = "-DOCSTART-"
_TAB = re.compile("\t")
_BLANKS = re.compile("[ \t]+")  # str.split would split at no-break spaces as well


def read_columns(
    path: Path, *, tag_column: int, iob_only: bool, scheme: Scheme
) -> Iterator[Example]:
    """Sentences with one tag a token.

    Columns are parted by tabs if the first row has one, else by blanks; the first column is the
    token. Rows of the token `-DOCSTART-` part sentences as well. Tags of a sentence that are all
    entities' are given in the scheme asked for, whether the file has IOB1, IOB2 or BIOES. A file
    has BIOES if all of its tags are of that scheme and one at least of no other.

    Args:
        path: A plain or gzipped UTF-8 file.
        tag_column: The column of the tags, from 0; negative counts from the last.
        iob_only: Refuse other tags than `O`, `B-TYPE` and `I-TYPE`.
        scheme: How entities are to be written; `bioes` refuses tags that are no entities'.

    Raises:
        DataError: A row with another number of columns than the first, a tag that is refused, or
            one that is out of place in BIOES; names file and line.
    """
    found = list(sentences(_rows(path, tag_column, iob_only), str(path)))
    bioes = is_bioes({tag for sentence in found for tag in sentence.target})
    for sentence in found:
        tags = _written(sentence.target, bioes, scheme, path, sentence.line)
        yield sentence._replace(target=tags)


def sentences(rows: Iterable[tuple[int, str, str]], file: str) -> Iterator[Example]:
    """The sentences of rows (line, token, tag); rows without a token part them."""
    for filled, group in groupby(rows, key=lambda row: bool(row[1])):
        if filled:
            numbers, tokens, tags = zip(*group, strict=True)
            yield Example(list(tokens), list(tags), file, numbers[0])


def _written(tags: Sequence[str], bioes: bool, scheme: Scheme, path: Path, line: int) -> list[str]:
    """A sentence's tags in a scheme; its first row stands in `line`, `bioes` says what it has."""
    if bioes:
        found = bioes_error(tags)
        if found is not None:
            raise DataError(f"{path}:{line + found[0]}: {found[1]} (BIOES)")
        tags = bioes_to_iob2(tags)
    tags = to_iob2(tags)
    if scheme == "iob2":
        return tags
    if not is_iob(tags):
        step = next(step for step, tag in enumerate(tags) if not is_iob([tag]))
        raise DataError(
            f"{path}:{line + step}: tag {tags[step]!r} is no entity's; data.scheme=iob2 takes any"
        )
    return to_bioes(tags)


def _rows(path: Path, tag_column: int, iob_only: bool) -> Iterator[tuple[int, str, str]]:
    """Line numbers, tokens and tags; no token between sentences."""
    width = 0
    parts = _BLANKS
    for number, line in lines(path):
        stripped = line.strip(" \t")
        if not stripped or parts.split(stripped)[0] == _DOCUMENT:
            yield number, "", ""
            continue
        if not width:
            parts = _TAB if "\t" in line else _BLANKS
        row = [cell.strip(" ") for cell in parts.split(stripped if parts is _BLANKS else line)]
        width = width or _width(row, tag_column, f"{path}:{number}")
        if len(row) != width:
            raise DataError(f"{path}:{number}: {len(row)} columns, where the first row has {width}")
        token, tag = row[0], row[tag_column]
        if not token or not tag:
            raise DataError(f"{path}:{number}: an empty column")
        if iob_only and not IOB.fullmatch(tag):
            raise DataError(f"{path}:{number}: tag {tag!r} is not O, B-TYPE or I-TYPE")
        yield number, token, tag


def _width(row: Sequence[str], tag_column: int, place: str) -> int:
    if len(row) < 2:
        raise DataError(f"{place}: one column; a token and its tag are needed")
    if not -len(row) <= tag_column < len(row):
        raise DataError(f"{place}: {len(row)} columns, no data.tag_column={tag_column}")
    return len(row)
