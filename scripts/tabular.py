"""The one printer of the scripts' tables."""

from collections.abc import Iterable, Sequence

from tabulate import tabulate


def markdown(heads: Sequence[str], rows: Iterable[Sequence[str]], *, left: int = 1) -> str:
    """A Markdown table; the first `left` columns are words, the others numbers."""
    align = ["left"] * left + ["right"] * (len(heads) - left)
    return tabulate(list(rows), heads, tablefmt="pipe", disable_numparse=True, colalign=align)
