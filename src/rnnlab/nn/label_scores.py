"""Scores of labels and tags, and what these figures do not say by themselves."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Int
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.classification import MulticlassConfusionMatrix

from rnnlab.data.batch import IGNORE
from rnnlab.nn.class_report import ClassReport, of_confusion

LARGEST = 200
"""Tags of which it is counted which is taken for which: of more the table would be too large."""


class Facts(NamedTuple):
    """What a metric found out about the answers beside its scores.

    Attributes:
        constant: What the task's monitored score would be if all answers were the same one; None
            where that is nothing to compare with.
        never: Labels that occur but were never predicted.
        answer: What that answer is, in words; by default the best one for what was scored.
        remarks: Sentences on anything else.
        report: The scores of each class, where there are classes.
    """

    constant: float | None = None
    never: Sequence[str] = ()
    answer: str = "the most frequent answer"
    remarks: Sequence[str] = ()
    report: ClassReport | None = None


def never_predicted(
    labels: Sequence[str], gold: Int[Tensor, "K"], predicted: Int[Tensor, "K"]
) -> list[str]:
    """Labels that occur but were never predicted; what is counted behind them is no label."""
    return [name for name, lost in zip(labels, (gold > 0) & (predicted == 0), strict=False) if lost]


class StepAccuracy(Metric):
    """Share of right steps among those that have a target.

    Unlike that of torchmetrics, it does not select the steps first: a GPU would wait for that.

    Args:
        tags: The tags by id.

    Attributes:
        facts: See `Facts`; set by `compute`.
    """

    full_state_update = False
    higher_is_better = True
    right: Tensor
    gold: Tensor
    predicted: Tensor
    pairs: Tensor

    def __init__(self, tags: Sequence[str]) -> None:
        super().__init__()
        self.tags = tags
        self.add_state("right", torch.tensor(0), dist_reduce_fx="sum")
        self.counted = len(tags) <= LARGEST
        pairs = (len(tags) + 1) ** 2 if self.counted else 0
        self.add_state("pairs", torch.zeros(pairs, dtype=torch.long), dist_reduce_fx="sum")
        for state in ("gold", "predicted"):  # the last place is for an id that is no tag's
            zeros = torch.zeros(len(tags) + 1, dtype=torch.long)
            self.add_state(state, zeros, dist_reduce_fx="sum")

    def update(self, predicted: Int[Tensor, "B T"], target: Int[Tensor, "B T"]) -> None:
        """Count a batch; steps whose target is `IGNORE` do not count."""
        real = (target != IGNORE).flatten()
        ids, gold = predicted.flatten() * real, target.flatten() * real
        self.right = self.right + ((ids == gold) & real).sum()
        self.gold = self.gold.scatter_add(0, gold, real.long())
        self.predicted = self.predicted.scatter_add(0, ids, real.long())
        if self.counted:
            pairs = gold * len(self.gold) + ids
            self.pairs = self.pairs.scatter_add(0, pairs, real.long())

    def compute(self) -> dict[str, Tensor]:
        """`accuracy`, 0 to 1."""
        steps = self.gold.sum().clamp(min=1)
        never = never_predicted(self.tags, self.gold, self.predicted)
        report = None
        if self.counted:
            size = len(self.gold)
            report = of_confusion("tag", self.tags, self.pairs.view(size, size), ["(no tag)"])
        self.facts = Facts(float(self.gold.max() / steps), never, report=report)
        return {"accuracy": self.right / steps}


class LabelScores(MulticlassConfusionMatrix):
    """`accuracy`, macro-averaged `f1` and `balanced_accuracy`, 0 to 1, of predicted labels.

    The last is the mean over the labels that occur of the share of their sequences that were
    recognised; torchmetrics' macro recall counts labels that were predicted, but do not occur.

    Args:
        labels: The labels by id.

    Attributes:
        facts: See `Facts`; set by `compute`.
    """

    def __init__(self, labels: Sequence[str]) -> None:
        super().__init__(max(2, len(labels)), validate_args=False)  # torchmetrics knows no fewer
        self.labels = labels

    def compute(self) -> dict[str, Tensor]:  # type: ignore[override]
        """The scores so far."""
        confusion = super().compute()
        right, gold, predicted = confusion.diagonal(), confusion.sum(1), confusion.sum(0)
        both, occurring = gold + predicted, gold > 0
        never = never_predicted(self.labels, gold, predicted)
        report = of_confusion("label", self.labels, confusion)
        self.facts = Facts(float(gold.max() / gold.sum()), never, report=report)
        return {
            "accuracy": right.sum() / gold.sum(),
            "f1": (2 * right / both.clamp(min=1) / (both > 0).sum()).sum(),
            "balanced_accuracy": (right[occurring] / gold[occurring]).mean(),
        }
