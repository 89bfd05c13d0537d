"""Column files, CoNLL-U among them: one word and its tags a line, blank lines between sentences."""

import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from rnnlab.data import tag_schemes
from rnnlab.data.encoded import Example
from rnnlab.data.reading import lines
from rnnlab.errors import DataError

_DOCUMENT = re.compile(r"[ \t]*(-DOCSTART-([ \t].*)?)?")
_TAB = re.compile("\t")
_BLANKS = re.compile("[ \t]+")  # str.split would split at no-break spaces as well
_NUMBER = re.compile(r"\d+([-.]\d+)?")


def read_columns(
    path: Path,
    *,
    tag_column: int,
    token_column: int | None = None,
    iob_only: bool = False,
    scheme: tag_schemes.Scheme = "iob2",
) -> Iterator[Example]:
    """Sentences with one tag a word.

    Where the first of three or more columns numbers the words of each sentence, as in CoNLL-U, the
    second column is the word, and rows of multi-word tokens (`1-2`) and empty nodes (`8.1`) are
    skipped: the words that a multi-word token stands for have rows of their own. Else the first
    column is the word. Comments (`#`) before a sentence are skipped. Rows of the word `-DOCSTART-`
    part sentences as well. Tags of a sentence that are all entities' are given in the scheme asked
    for, whether the file has IOB1, IOB2 or BIOES. A file has BIOES if all of its tags are of that
    scheme and one at least of no other.

    Args:
        path: A plain or gzipped UTF-8 file.
        tag_column: The column of the tags, from 0; negative counts from the last.
        token_column: The column of the words; None for the one said above.
        iob_only: Refuse other tags than `O`, `B-TYPE` and `I-TYPE`.
        scheme: How entities are to be written; `bioes` refuses tags that are no entities'.

    Raises:
        DataError: A row with another number of columns than the first, or with another number than
            the next; a tag that is refused, or one that is out of place in BIOES. Names file and
            line.
    """
    rows = _rows(path, tag_column, token_column, iob_only)
    groups = (group for filled, group in groupby(rows, lambda row: row[1] != "") if filled)
    sentences = [tuple(zip(*group, strict=True)) for group in groups]
    bioes = tag_schemes.is_bioes({tag for _, _, tags in sentences for tag in tags})
    for numbers, tokens, tags in sentences:
        places = [f"{path}:{number}" for number in numbers]
        yield Example(tokens, written(tags, bioes, scheme, places), str(path), numbers[0])


def written(
    tags: Sequence[str], bioes: bool, scheme: tag_schemes.Scheme, places: Sequence[str]
) -> list[str]:
    """A sentence's tags in a scheme.

    Args:
        tags: Those of the file.
        bioes: Whether it has BIOES.
        scheme: How entities are to be written.
        places: Of each tag, for messages.

    Raises:
        DataError: See `read_columns`.
    """
    if bioes:
        found = tag_schemes.bioes_error(tags)
        if found is not None:
            raise DataError(f"{places[found[0]]}: {found[1]} (BIOES)")
        tags = tag_schemes.bioes_to_iob2(tags)
    tags = tag_schemes.to_iob2(tags)
    if scheme == "iob2":
        return tags
    for place, tag in zip(places, tags, strict=True):
        if not tag_schemes.is_iob([tag]):
            raise DataError(f"{place}: tag {tag!r} is no entity's; data.scheme=iob2 takes any")
    return tag_schemes.to_bioes(tags)


def _cells(line: str, parts: re.Pattern[str]) -> list[str]:
    return [cell.strip(" ") for cell in parts.split(line.strip(" \t" if parts is _BLANKS else ""))]


def layout(
    path: Path, tag_column: int, token_column: int | None
) -> tuple[re.Pattern[str], int, int, bool]:
    """What parts columns, their number, the words' column, and whether the first is numbers alone.

    Tabs part columns if the first row has one, else blanks do. Numbers that are the words are none,
    as those of fewer than three columns.
    """
    parts, width, numbered = _BLANKS, 0, True
    for number, line in lines(path):
        if line.startswith("#") or _DOCUMENT.fullmatch(line):
            continue
        if not width:
            parts = _TAB if "\t" in line else _BLANKS
            width = len(_cells(line, parts))
            if width < 2:
                raise DataError(f"{path}:{number}: one column; a token and its tag are needed")
            wanted = {"tag_column": tag_column, "token_column": token_column or 0}
            for name, column in wanted.items():
                if not -width <= column < width:
                    raise DataError(f"{path}:{number}: {width} columns, no data.{name}={column}")
        numbered = width > 2 and _NUMBER.fullmatch(_cells(line, parts)[0]) is not None
        if not numbered:
            break
    column = int(numbered) if token_column is None else token_column
    return parts, width, column, numbered and column > 0


def _rows(
    path: Path, tag_column: int, token_column: int | None, iob_only: bool
) -> Iterator[tuple[int, str, str]]:
    """Line numbers, words and tags; no word between sentences."""
    parts, width, column, numbered = layout(path, tag_column, token_column)
    count = 0
    for number, line in lines(path):
        if _DOCUMENT.fullmatch(line):
            yield number, "", ""
            count = 0
            continue
        row = _cells(line, parts)
        if line.startswith("#") and (numbered or (not count and len(row) != width)):
            continue
        place = f"{path}:{number}"
        if len(row) != width:
            raise DataError(f"{place}: {len(row)} columns, where the first row has {width}")
        if numbered and not row[0].isdecimal():
            continue
        count += 1
        if numbered and token_column is None and row[0] != str(count):
            hint = "name the column of the words with data.token_column"
            raise DataError(f"{place}: number {row[0]}, where {count} comes next; {hint}")
        token, tag = row[column], row[tag_column]
        if not token or not tag or (numbered and tag == "_"):
            raise DataError(f"{place}: an empty column")
        if iob_only and not tag_schemes.IOB.fullmatch(tag):
            raise DataError(f"{place}: tag {tag!r} is not O, B-TYPE or I-TYPE")
        yield number, token, tag
