"""Pairs of sentences from two line-aligned files."""

from abc import abstractmethod
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from rnnlab.data.encoded import Example
from rnnlab.data.pairs import PairData, tidy
from rnnlab.data.reading import lines, sha256
from rnnlab.data.spec import Split
from rnnlab.errors import DataError


class Side(NamedTuple):
    """One language of a split: a plain or gzipped file, or a member of a tar ball."""

    path: Path
    member: str | None = None

    def __str__(self) -> str:
        return str(self.path) if self.member is None else f"{self.path}:{self.member}"


class ParallelData(PairData):
    """A corpus of two files a split; a subclass names the two sides. Options as `PairData`'s."""

    @abstractmethod
    def sides(self, split: Split) -> tuple[Side, Side]:
        """Where the source and the target of a split are."""

    def files(self, split: Split) -> list[Path]:
        """The two files, or the tar balls that hold them."""
        return [side.path for side in self.sides(split)]

    def read(self, split: Split) -> Iterator[Example]:
        """The pairs, with blanks stripped and collapsed and zero-width spaces dropped."""
        source, target = self.sides(split)
        count = _aligned(source, target)
        pairs = zip(lines(*source), lines(*target), strict=False)
        for (_, left), (number, right) in islice(pairs, count):
            yield Example(tidy(left), tidy(right), str(target), number)

    def settings(self, part: Split) -> Any:
        """What is read for which side: the other direction has the same files."""
        return [[sha256(side.path), side.member] for side in self.sides(part)]


def _aligned(source: Side, target: Side) -> int:
    """Number of pairs; blank lines at the end of a file are no sentences."""
    totals, needed = [], []
    for side in (source, target):
        total = last = 0
        for number, text in lines(*side):
            total = number
            if text and not text.isspace():
                last = number
        totals.append(total)
        needed.append(last)
    if min(totals) < max(needed):
        raise DataError(
            f"{source} has {totals[0]} lines, {target} has {totals[1]}: each line of one must "
            "translate the same line of the other"
        )
    return max(needed)
