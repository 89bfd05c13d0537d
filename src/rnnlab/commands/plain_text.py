"""Files that `rnnlab predict` cannot answer line by line: tables."""

import csv
import re
from itertools import islice
from typing import BinaryIO

from rnnlab.data.formats.labelled import LABELS, TEXTS
from rnnlab.data.spec import Spec
from rnnlab.data.vocab import PAD, UNK, Vocab
from rnnlab.errors import DataError

SAMPLE = 100
"""Lines from whose like the file is judged."""

FEW = 3
"""So many lines with a comma before a label are CSV."""

SYMBOLS = 12
"""A vocabulary of so few is that of a generated task."""

_NUMBERED = re.compile(r"1(-\d+)?\t.*\t")


def check_plain(stream: BinaryIO, name: str, spec: Spec) -> None:
    """Refuse a table, whose rows would be answered as if they were texts.

    Args:
        stream: The file, pipe or terminal; what is looked at stays to be read.
        name: What it is called.
        spec: Of the model, whose labels or tags are looked for.

    Raises:
        DataError: CSV, a labelled text or tagged words instead of texts; says how to get them.
    """
    sample = [line.decode(errors="replace").strip("\r\n") for line in _first_lines(stream)]
    filled = [line for line in sample if line.strip()]
    rows = [[cell.strip(' "') for cell in line.split("\t")] for line in filled]
    names = set(spec.target.tokens) if isinstance(spec.target, Vocab) else set()
    titles = [
        at for row in rows[:1] for at, c in enumerate(row, 1) if TEXTS.fullmatch(c.casefold())
    ]
    labelled = [row for row in rows if len(row) > 1 and names.intersection(row)]
    if name.endswith(".csv") or _csv(filled, names if spec.kind == "label" else set()):
        what = f"CSV; give the texts alone, one a line{_example(spec.source_vocab)}"
    elif titles and len(rows[0]) > 1:
        what = f"a table with a header ({', '.join(rows[0])}); {_alone(titles[0])}"
    elif spec.kind == "label" and 2 * len(labelled) > len(rows):
        texts = [at for at, cell in enumerate(labelled[0], 1) if cell not in names]
        what = f"texts with their labels; {_alone(texts[0] if texts else 1)}"
    elif spec.kind == "tags" and _tagged(filled, names):
        what = (
            "words with tags, one a line; give the words of a sentence in one line, with blanks "
            "between them ('rnnlab evaluate checkpoint=RUN data=conll_files data.test=FILE' "
            "scores the tags)"
        )
    else:
        return
    shown = "standard input" if name == "-" else name
    raise DataError(f"input: {shown}: {what}")


def _first_lines(stream: BinaryIO) -> list[bytes]:
    """The first whole lines; of a pipe those that have come, without waiting for more."""
    if stream.seekable():
        start = stream.tell()
        sample = list(islice(stream, SAMPLE))
        stream.seek(start)
        return sample
    peek = getattr(stream, "peek", None)
    if peek is None or stream.isatty():
        return []
    chunk: bytes = peek(1)
    *whole, rest = chunk.split(b"\n")
    return (whole or [rest])[:SAMPLE]


def _csv(lines: list[str], names: set[str]) -> bool:
    """Whether the first line names columns as headers do, or a label ends most of some lines."""
    try:
        delimiter = max(",;", key="".join(lines[:1]).count)
        rows = list(csv.reader(lines, delimiter=delimiter))
    except csv.Error:
        return False
    first = [cell.strip().casefold() for row in rows[:1] for cell in row]
    if any(map(TEXTS.fullmatch, first)) and any(map(LABELS.fullmatch, first)):
        return True
    labelled = sum(len(row) > 1 and row[-1].strip() in names for row in rows)
    return len(rows) >= FEW and 2 * labelled > len(rows)


def _example(vocab: Vocab) -> str:
    """What a model of a few symbols reads; nothing of one that reads words."""
    symbols = [token for token in vocab.tokens if token not in (PAD, UNK)]
    if len(symbols) > SYMBOLS:
        return ""
    return f", of the symbols {' '.join(symbols)} with blanks between them: the task is generated"


def _alone(column: int) -> str:
    return (
        f"'cut -f{column} FILE' gives the texts alone, 'rnnlab evaluate checkpoint=RUN "
        f"data=sentiment_files data.test=FILE' scores the labels"
    )


def _tagged(lines: list[str], tags: set[str]) -> bool:
    """Whether lines are rows of one width with a column of different tags, or CoNLL-U."""
    rows = [line.split() for line in lines if not line.startswith(("#", "-DOCSTART-"))]
    if any(_NUMBERED.match(line) for line in lines):
        return True
    columns = list(zip(*rows, strict=False))[1:]
    same = len({len(row) for row in rows}) == 1
    return same and any(len(set(column)) > 1 and tags.issuperset(column) for column in columns)
