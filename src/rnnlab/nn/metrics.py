"""Metrics that torchmetrics has not in this form."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torchmetrics import Metric

from rnnlab.data.batch import IGNORE, TokenSize
from rnnlab.nn.class_report import ClassReport
from rnnlab.nn.label_scores import Facts, never_predicted


class UnitMean(Metric):
    """The mean over all units of what is a mean over each batch's units.

    Unlike `torchmetrics.MeanMetric`, which drops NaN (or the weights, by its `nan_strategy`), the
    mean is not finite where the value of any batch is not. A batch without units does not count.
    Sums are compensated (Kahan 1965): in float32 alone those of millions of units drift, and
    not every device has float64.
    """

    full_state_update = False
    total: Tensor
    lost: Tensor
    units: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("total", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("lost", torch.tensor(0.0), dist_reduce_fx="sum")
        self.add_state("units", torch.tensor(0), dist_reduce_fx="sum")

    def update(self, mean: Float[Tensor, ""], units: int | Tensor) -> None:
        """Add a batch: its mean, and its number of units, or the sum of their weights."""
        count = torch.as_tensor(units, device=mean.device)
        value = torch.where(count > 0, mean.to(self.total.dtype) * count, 0.0) + self.lost
        total = self.total + value
        self.total, self.lost, self.units = total, value - (total - self.total), self.units + count

    def compute(self) -> Tensor:
        """The mean so far; NaN where there were no units."""
        return (self.total + self.lost) / self.units


class LanguageScores(UnitMean):
    """A mean negative log-likelihood in nats as `perplexity` of a token, and of other units.

    `word_perplexity` is that of a word, `exp(total / words)`, where a token's size is known. It
    makes models with different tokens comparable, as does `bits_per_character`.

    Args:
        characters: A token is this many characters where its size is not known; None where the
            tokens do not make up the text: then it has no bits per character.
        monitor: Which of the scores decides.

    Attributes:
        log_prior: Log-probability of each token (V,), whatever stands before it; None where it is
            not known.
        facts: The score of `log_prior`, where it is known; set by `compute`.
    """

    def __init__(self, *, characters: float | None, monitor: str = "perplexity") -> None:
        super().__init__()
        self.characters = characters
        self.monitor = monitor
        self.size: TokenSize | None = None
        self.facts = Facts()
        self.rival = UnitMean()
        self.log_prior: Tensor | None
        self.register_buffer("log_prior", None, persistent=False)

    def update(
        self, mean: Float[Tensor, ""], units: int | Tensor, size: TokenSize | None = None
    ) -> None:
        """Add a batch: its mean, its number of tokens, and what one of the split stands for."""
        super().update(mean, units)
        self.size = size

    def compare(self, target: Int[Tensor, "*N"]) -> None:
        """Add tokens to what `log_prior` is scored by; `IGNORE` is none."""
        if self.log_prior is not None:
            real = target != IGNORE
            nll = -self.log_prior[torch.where(real, target, 0)] * real
            self.rival.update(nll.sum() / real.sum(), real.sum())

    def reset(self) -> None:
        """Forget all."""
        super().reset()
        self.rival.reset()

    def compute(self) -> dict[str, float]:  # type: ignore[override]
        """The scores so far."""
        self.facts = Facts()
        if self.log_prior is not None:
            constant = self._scores(float(self.rival.compute()))[self.monitor]
            self.facts = Facts(constant, answer="the frequencies of the training data")
        return self._scores(float(super().compute()))

    def _scores(self, nll: float) -> dict[str, float]:
        size, scores = self.size, {"perplexity": _exp(nll)}
        if size is not None:
            scores["word_perplexity"] = _exp(nll / size.words)
        if self.characters is not None:
            characters = self.characters if size is None else size.characters
            scores["bits_per_character"] = nll / math.log(2) / characters
        return scores


def _exp(value: float) -> float:
    return math.exp(min(value, 700.0))  # beyond there is no float


class EntityF1(Metric):
    """Precision, recall and F1 of entities: type, first and last step must all be right.

    Counts are kept by type on the device, so that no step waits for it, and summed over processes.

    Args:
        tags: The tags by id: `O`, `B-TYPE` and `I-TYPE` in any order.
    """

    full_state_update = False
    higher_is_better = True
    types: Tensor
    begins: Tensor
    right: Tensor
    predicted: Tensor
    gold: Tensor
    pairs: Tensor
    right_steps: Tensor
    steps: Tensor

    def __init__(self, tags: Sequence[str]) -> None:
        super().__init__()
        self.names = sorted({tag[2:] for tag in tags if tag != "O"})
        tags = [*tags, "O"]  # a prediction may be an id behind all tags: none of them
        # id of each tag's type; O has one of its own behind the others
        number = {name: index for index, name in enumerate([*self.names, ""])}
        types = torch.tensor([number[tag[2:]] for tag in tags])
        begins = torch.tensor([tag.startswith("B-") for tag in tags])
        self.register_buffer("types", types, persistent=False)
        self.register_buffer("begins", begins, persistent=False)
        for state in ("right", "predicted", "gold"):
            zeros = torch.zeros(len(self.names) + 1, dtype=torch.long)
            self.add_state(state, zeros, dist_reduce_fx="sum")
        pairs = torch.zeros((len(self.names) + 1) ** 2, dtype=torch.long)
        self.add_state("pairs", pairs, dist_reduce_fx="sum")
        for state in ("right_steps", "steps"):
            self.add_state(state, torch.tensor(0), dist_reduce_fx="sum")

    def update(self, predicted: Int[Tensor, "B T"], target: Int[Tensor, "B T"]) -> None:
        """Count the entities of a batch; steps whose target is `IGNORE` are outside of any."""
        real = target != IGNORE
        mine, start, end = self._chunks(predicted, real)
        theirs, true_start, true_end = self._chunks(target, real)
        same = (mine == theirs) & (start == true_start)
        self.right_steps = self.right_steps + (same & real).sum()
        self.steps = self.steps + real.sum()
        both = (theirs * len(self.gold) + mine).flatten()
        self.pairs = self.pairs.scatter_add(0, both, real.flatten().long())
        self.right = self.right + self._count(mine, start & same & (end == true_end))
        self.predicted = self.predicted + self._count(mine, start)
        self.gold = self.gold + self._count(theirs, true_start)

    def _chunks(
        self, ids: Int[Tensor, "B T"], real: Bool[Tensor, "B T"]
    ) -> tuple[Int[Tensor, "B T"], Bool[Tensor, "B T"], Int[Tensor, "B T"]]:
        """The type of each step, whether an entity starts there, and where the next one ends."""
        outside = len(self.names)
        known = torch.where(real, ids, 0)
        types = torch.where(real, self.types[known], outside)
        before = torch.full_like(types[:, :1], outside)
        changes = types != torch.cat([before, types[:, :-1]], dim=1)
        starts = (types != outside) & (changes | (self.begins[known] & real))
        # a step is an entity's last where the following one changes type or starts another
        breaks = torch.cat([(changes | starts)[:, 1:], torch.ones_like(changes[:, :1])], dim=1)
        steps = torch.arange(ids.shape[1], device=ids.device).expand_as(ids)
        lasts = torch.where(breaks, steps, ids.shape[1])
        return types, starts, lasts.flip(1).cummin(dim=1).values.flip(1)

    def _count(self, types: Int[Tensor, "B T"], chosen: Bool[Tensor, "B T"]) -> Int[Tensor, "K"]:
        empty = torch.zeros_like(self.gold)
        return empty.scatter_add(0, types.flatten(), chosen.flatten().long())

    def _report(self) -> ClassReport:
        right, predicted, gold = (
            each[:-1].tolist() for each in (self.right, self.predicted, self.gold)
        )
        size = len(self.gold)
        pairs = self.pairs.view(size, size).tolist()
        return ClassReport("entity", self.names, right, predicted, gold, [*self.names, "O"], pairs)

    def compute(self) -> dict[str, Tensor]:
        """Scores, 0 to 1: precision, recall, f1; accuracy of the steps; `f1_TYPE` of each type.

        The accuracy is that of the tags as `valid_iob2` writes them. A quotient of zeros is 0.
        """
        never = never_predicted(self.names, self.gold, self.predicted)
        silent = self.gold.sum() > 0 and self.predicted.sum() == 0
        report = self._report()
        if silent:
            self.facts = Facts(remarks=["predicts no entity at all"], report=report)
        else:
            self.facts = Facts(never=never, report=report)
        right, predicted, gold = self.right.sum(), self.predicted.sum(), self.gold.sum()
        kinds = 2 * self.right / (self.predicted + self.gold).clamp(min=1)
        return {
            "precision": right / predicted.clamp(min=1),
            "recall": right / gold.clamp(min=1),
            "f1": 2 * right / (predicted + gold).clamp(min=1),
            "accuracy": self.right_steps / self.steps.clamp(min=1),
            **{f"f1_{name}": kinds[index] for index, name in enumerate(self.names)},
        }
