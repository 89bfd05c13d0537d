"""Files that `rnnlab predict` cannot answer line by line: tables."""

import re
from itertools import islice
from pathlib import Path

from rnnlab.data.formats.labelled import TEXTS
from rnnlab.data.spec import Spec
from rnnlab.data.vocab import Vocab
from rnnlab.errors import DataError

SAMPLE = 100
"""Lines from whose like the file is judged."""

_NUMBERED = re.compile(r"1(-\d+)?\t.*\t")


def check_plain(path: Path, spec: Spec) -> None:
    """Refuse a table, whose rows would be answered as if they were texts.

    Args:
        path: The file; what is none (a pipe, say) is not looked at, for it can be read only once.
        spec: Of the model, whose labels or tags are looked for.

    Raises:
        DataError: CSV, a labelled text or tagged words instead of texts; says how to get them.
    """
    if not path.is_file():
        return
    with path.open("rb") as stream:
        sample = [line.decode(errors="replace").strip("\r\n") for line in islice(stream, SAMPLE)]
    filled = [line for line in sample if line.strip()]
    rows = [[cell.strip(' "') for cell in line.split("\t")] for line in filled]
    names = set(spec.target.tokens) if isinstance(spec.target, Vocab) else set()
    titles = [
        at for row in rows[:1] for at, c in enumerate(row, 1) if TEXTS.fullmatch(c.casefold())
    ]
    labelled = [row for row in rows if len(row) > 1 and names.intersection(row)]
    if path.name.endswith(".csv"):
        what = "CSV; give the texts alone, one a line"
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
    raise DataError(f"input: {path}: {what}")


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
