"""Word vectors by direction, to be searched for the nearest one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from rnnlab.data.vector_file import Table

WORDS, TARGETS = 1024, 512
"""Scores are computed in blocks of this size, which stay in the processor's cache."""


@dataclass(frozen=True)
class Space:
    """The first words of a vector file, in lower case, with vectors of length 1.

    Attributes:
        rows: From a word in lower case to its row.
        unit: The vectors, float32 (N, D).
    """

    rows: dict[str, int]
    unit: Float[Tensor, "N D"]

    @classmethod
    def of(cls, table: Table, restrict: int | None = None) -> Self:
        """From a vector file.

        Of words that are equal in lower case the first counts, in files sorted by frequency the
        most frequent. A vector of zeros keeps its length.

        Args:
            table: Words and vectors.
            restrict: Take the first words alone; None for all.
        """
        rows: dict[str, int] = {}
        kept: list[int] = []
        for row, word in enumerate(table.words[:restrict]):
            if rows.setdefault(word.lower(), len(kept)) == len(kept):
                kept.append(row)
        vectors = torch.from_numpy(np.ascontiguousarray(table.vectors[np.array(kept)]))
        return cls(rows, functional.normalize(vectors, dim=1))

    def __len__(self) -> int:
        """Number of words N."""
        return len(self.rows)

    def ids(self, words: Sequence[str]) -> list[int] | None:
        """Rows of words, in any case; None where one of them is not there."""
        found = [self.rows.get(word.lower(), -1) for word in words]
        return None if -1 in found else found

    def cosine(self, pairs: Int[Tensor, "P 2"]) -> Float[Tensor, " P"]:
        """Cosine of the angle between the vectors of each pair."""
        first, second = self.unit[pairs].unbind(1)
        return (first * second).sum(1)

    def solves(self, questions: Int[Tensor, "Q 4"]) -> Bool[Tensor, " Q"]:
        """Whether `b - a + c` is nearer to d than to every word but a, b and c.

        This is 3CosAdd on vectors of length 1 (Mikolov et al. 2013; Levy and Goldberg 2014). Where
        d is one of the other three it cannot be the answer.

        Args:
            questions: Rows of a, b, c and d.
        """
        return torch.cat([self._solves(part) for part in torch.split(questions, TARGETS)])

    def _solves(self, questions: Int[Tensor, "Q 4"]) -> Bool[Tensor, " Q"]:
        a, b, c, d = questions.unbind(1)
        targets = self.unit[b] - self.unit[a] + self.unit[c]
        best = torch.full((len(questions),), -torch.inf)
        right = torch.full((len(questions),), -torch.inf)
        # every word that a question names, sorted: a block masks those that fall into it
        named, order = questions.flatten().sort()
        question, place = order // 4, order % 4
        buffer = torch.empty(len(questions) * WORDS)
        for start in range(0, len(self), WORDS):
            block = self.unit[start : start + WORDS]
            scores = buffer[: len(questions) * len(block)].view(-1, len(block))
            torch.mm(targets, block.T, out=scores)
            low, high = torch.searchsorted(named, torch.tensor([start, start + len(block)]))
            rows, columns = question[low:high], named[low:high] - start
            answers = place[low:high] == 3
            right[rows[answers]] = scores[rows[answers], columns[answers]]
            scores[rows, columns] = -torch.inf
            best = torch.maximum(best, scores.amax(1))
        given = (questions[:, :3] == d[:, None]).any(1)
        return (right > best) & ~given
