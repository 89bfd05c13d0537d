"""The one printer of the scripts' tables: for documents, and for a terminal."""

from collections.abc import Collection, Iterable, Sequence

import tabulate

tabulate.MIN_PADDING = 0  # a column is as wide as its heading, not wider


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> str:
    """A Markdown table; the first `left` columns are words, the others numbers."""
    align = ["left"] * left + ["right"] * (len(heads) - left)
    return tabulate.tabulate(
        list(rows), heads, tablefmt="pipe", disable_numparse=True, colalign=align
    )


def plain(
    heads: Sequence[str], rows: Iterable[Sequence[str]], *, right: Collection[int] = ()
) -> str:
    """A table for a terminal; the columns `right` are numbers."""
    align = ["right" if i in right else "left" for i in range(len(heads))]
    text = tabulate.tabulate(
        [heads, *rows], tablefmt="plain", disable_numparse=True, colalign=align
    )
    first, rest = text.split("\n", 1)
    return f"{first}\n{'-' * len(first)}\n{rest}"
