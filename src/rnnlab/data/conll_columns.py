"""Column files: one token and its tags a line, a blank line between sentences."""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from rnnlab.data.coded import Example
from rnnlab.data.reading import lines
from rnnlab.errors import DataError

IOB = re.compile(r"O|[BI]-.+")
_DOCUMENT = "-DOCSTART-"


def read_columns(path: Path, *, tag_column: int, iob_only: bool) -> Iterator[Example]:
    """Sentences with one tag a token.

    Columns are parted by tabs if the first row has one, else by blanks; the first column is the
    token. Rows of the token `-DOCSTART-` part sentences and are dropped. Tags of a sentence that
    are all `O`, `B-TYPE` or `I-TYPE` are given as IOB2, whether the file has IOB1 or IOB2.

    Args:
        path: A plain or gzipped UTF-8 file.
        tag_column: The column of the tags, from 0; negative counts from the last.
        iob_only: Refuse other tags.

    Raises:
        DataError: A row with another number of columns than the first, or a tag that is refused;
            names file and line.
    """
    width = 0
    blank = re.compile("[ \t]+")
    tokens: list[str] = []
    tags: list[str] = []
    start = 0
    for number, line in lines(path):
        if not line.strip(" \t"):
            if tokens:
                yield Example(tokens, to_iob2(tags), str(path), start)
                tokens, tags = [], []
            continue
        if not width and "\t" in line:
            blank = re.compile("\t")
        row = blank.split(line.strip(" ") if blank.pattern == "\t" else line.strip(" \t"))
        width = width or _width(row, tag_column, f"{path}:{number}")
        if len(row) != width:
            raise DataError(f"{path}:{number}: {len(row)} columns, where the first row has {width}")
        if row[0] == _DOCUMENT:
            if tokens:
                yield Example(tokens, to_iob2(tags), str(path), start)
                tokens, tags = [], []
            continue
        if not row[0] or not row[tag_column]:
            raise DataError(f"{path}:{number}: an empty column")
        if iob_only and not IOB.fullmatch(row[tag_column]):
            raise DataError(f"{path}:{number}: tag {row[tag_column]!r} is not O, B-TYPE or I-TYPE")
        start = start if tokens else number
        tokens.append(row[0])
        tags.append(row[tag_column])
    if tokens:
        yield Example(tokens, to_iob2(tags), str(path), start)


def _width(row: Sequence[str], tag_column: int, place: str) -> int:
    if len(row) < 2:
        raise DataError(f"{place}: one column; a token and its tag are needed")
    if not -len(row) <= tag_column < len(row):
        raise DataError(f"{place}: {len(row)} columns, no data.tag_column={tag_column}")
    return len(row)


def to_iob2(tags: Sequence[str]) -> list[str]:
    """Tags with `B-` at every entity's first token; other than IOB tags are left alone.

    In IOB1 an entity starts with `I-`, and with `B-` only where it follows another one of its
    type (Tjong Kim Sang & Veenstra 1999). IOB2 tags come back as they are.
    """
    if not all(IOB.fullmatch(tag) for tag in tags):
        return list(tags)
    changed = []
    before = "O"
    for tag in tags:
        # [2:] of "O" is empty, so that an entity never continues what is outside
        continues = tag.startswith("I-") and before[2:] == tag[2:]
        changed.append(tag if tag == "O" or continues else f"B-{tag[2:]}")
        before = tag
    return changed
