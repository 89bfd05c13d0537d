"""Precision, recall and F1 of each class, and which class was taken for which."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jaxtyping import Int
from torch import Tensor


@dataclass(frozen=True)
class ClassReport:
    """Counts of a test by class; scores are as scikit-learn's with `zero_division=0`.

    Attributes:
        what: What is counted, such as "label" or "entity".
        labels: The K classes.
        right: How often each was predicted rightly.
        predicted: How often each was predicted.
        support: How often each occurs.
        steps: Names of the rows and columns of the matrix.
        confusion: How often the class of a row was taken for that of a column; of entities it
            counts steps by type, `O` last. None where there are too many classes.
    """

    what: str
    labels: Sequence[str]
    right: Sequence[int]
    predicted: Sequence[int]
    support: Sequence[int]
    steps: Sequence[str]
    confusion: Sequence[Sequence[int]] | None

    @property
    def precision(self) -> list[float]:
        """Of each class, the share of its predictions that are right; 0 without any."""
        return _quotients(self.right, self.predicted)

    @property
    def recall(self) -> list[float]:
        """Of each class, the share that was found; 0 where it does not occur."""
        return _quotients(self.right, self.support)

    @property
    def f1(self) -> list[float]:
        """The harmonic mean of both."""
        both = [p + s for p, s in zip(self.predicted, self.support, strict=True)]
        return _quotients([2 * right for right in self.right], both)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        columns = self.precision, self.recall, self.f1, self.support, self.predicted
        names = "precision", "recall", "f1", "support", "predicted"
        return {
            "of": self.what,
            "classes": {
                label: dict(zip(names, row, strict=True))
                for label, *row in zip(self.labels, *columns, strict=True)
            },
            "confusion": self.confusion and {"labels": self.steps, "true_rows": self.confusion},
        }


def of_confusion(
    what: str, labels: Sequence[str], confusion: Int[Tensor, "K K"], rest: Sequence[str] = ()
) -> ClassReport:
    """The report of a matrix, true classes in rows.

    Args:
        what: What is counted.
        labels: The classes.
        confusion: Counts; what it has beyond the labels and the rest is padding.
        rest: Names of what stands behind the labels and is no class.
    """
    names, classes = [*labels, *rest], slice(len(labels))
    confusion = confusion[: len(names), : len(names)]
    return ClassReport(
        what,
        labels,
        confusion.diagonal()[classes].tolist(),
        confusion.sum(0)[classes].tolist(),
        confusion.sum(1)[classes].tolist(),
        names,
        confusion.tolist(),
    )


def _quotients(over: Sequence[int], under: Sequence[int]) -> list[float]:
    return [a / b if b else 0.0 for a, b in zip(over, under, strict=True)]
