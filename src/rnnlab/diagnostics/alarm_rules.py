"""Rules that say why a run does not learn, over running medians of what was measured."""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Gt, Lt

from rnnlab.config.types import PositiveInt
from rnnlab.diagnostics.loss_trend import LossTrend, RunningMedian
from rnnlab.errors import shortened

SATURATED = {
    "low": "gate is below 0.05",
    "high": "gate is above 0.95",
    "saturated": "has a magnitude above 0.97",
}
"""What the last part of a tag says of a gate or a state."""

Share = Annotated[float, Gt(0), Lt(1)]
Factor = Annotated[float, Gt(1)]


@dataclass(eq=False, kw_only=True)
class Limits:
    """The options of `Alarms`; None switches a rule off.

    Args:
        patience: Optimiser steps that a state has to last before it raises an alarm.
        fall: Share by which the loss has to be below that of guesses, or its own of `patience`
            steps ago, to count as learning.
        exploding: Alarm above this multiple of the gradient norm's running median.
        growth: Alarm where the gradient grows by more than this factor over a sequence.
        vanishing: Alarm where the gradient's half-life, the mean along a sequence, is below this
            share of it.
        saturated: Alarm where more than this share of a gate's values is shut, open or at bounds.
        clipped: Alarm where more than this share of the steps is clipped.
        collapsed: Alarm where the entropy of an attention head is below this share of the largest
            possible one (Zhai et al. 2023, arXiv:2303.06296).
        logits: Alarm where the logits of an attention head exceed this magnitude: its softmax then
            hardly lets a gradient through (Dehghani et al. 2023, arXiv:2302.05442).
    """

    patience: PositiveInt = 1000
    fall: Share = 0.05
    exploding: Factor | None = 100.0
    growth: Factor | None = 1e4
    vanishing: Share | None = 0.1
    saturated: Share | None = 0.9
    clipped: Share | None = 0.95
    collapsed: Share | None = 0.05
    logits: Factor | None = 100.0


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        kind: non_finite, exploding, vanishing, saturated, dead, clipped, collapsed or logits.
        subject: Where: a layer, a part of one, or the whole gradient.
        fact: What was seen, in words.
    """

    kind: str
    subject: str
    fact: str


@dataclass(frozen=True)
class Spike:
    """A gradient far above the usual one: its step and norm, and the usual norm and loss."""

    step: int
    norm: float
    usual: float
    loss: float


class AlarmRules:
    """Reads the scalars of every write of the board, and says what is wrong.

    All but `non_finite` need a loss that is stuck or has jumped back: a run that learns has nothing
    wrong with it. A state, other than an event, has to be the median over `patience` steps.

    Args:
        limits: See `Limits`.
        guess: Loss of the best constant guess.
        scaled: Losses are scaled (fp16): single gradients that are not finite are usual there.
    """

    def __init__(self, limits: Limits, *, guess: float, scaled: bool = False) -> None:
        self.limits = limits
        self.trend = LossTrend(limits.patience, fall=limits.fall, guess=guess)
        self._windows = defaultdict[str, RunningMedian](lambda: RunningMedian(limits.patience))
        self._tolerated = 3 if scaled else 1
        self._broken = 0
        self._spike: Spike | None = None

    def update(
        self, step: int, scalars: Mapping[str, float], spans: Mapping[str, float]
    ) -> list[Finding]:
        """Take the scalars of a write; what is wrong now.

        Args:
            step: Optimiser steps made.
            scalars: What was written.
            spans: Of each layer the steps from the first to the last of a sequence as it reads
                it, on average (`Curve.span`).
        """
        found = [*self._non_finite(scalars), *self._exploded(step, scalars)]
        self.trend.add(step, scalars["train/loss"])
        for key, value in scalars.items():
            self._windows[key].add(step, value)
        if self.trend.stuck:
            dead = list(self._dead(spans))
            zero = {finding.subject for finding in dead}  # what is zero vanishes, too
            found += [each for each in self._through_time(spans) if each.subject not in zero]
            found += [*self._saturated(), *dead, *self._clipped(), *self._heads()]
        return found

    def _non_finite(self, scalars: Mapping[str, float]) -> Iterator[Finding]:
        grads = {k[5:]: v for k, v in scalars.items() if k.startswith("grad/")}
        bad = [name for name, norm in grads.items() if not math.isfinite(norm)]
        self._broken = self._broken + 1 if bad else 0
        if self._broken >= self._tolerated:
            named = [name for name in bad if not name.startswith("total")] or ["the whole"]
            fact = f"the gradient of {shortened(named)} is not a finite number"
            yield Finding("non_finite", "gradient", fact)

    def _exploded(self, step: int, scalars: Mapping[str, float]) -> Iterator[Finding]:
        """A norm far above the usual one, then a loss far above its own."""
        spike, limits = self._spike, self.limits
        if spike and self.trend.jumped_back(scalars["train/loss"], spike.loss):
            self._spike = None
            yield Finding(
                "exploding",
                "gradient",
                f"the whole gradient's norm was {spike.norm:.3g} at step {spike.step}, "
                f"{spike.norm / spike.usual:.0f} times its running median, and the loss went from "
                f"{spike.loss:.3g} to {scalars['train/loss']:.3g}",
            )
        elif spike and step - spike.step > limits.patience:
            self._spike = None
        norm, norms = scalars.get("grad/total"), self._windows["grad/total"]
        if norm is None or limits.exploding is None or len(norms) < 5 or self._spike:
            return
        if math.isfinite(norm) and norm > limits.exploding * norms.median > 0:
            self._spike = Spike(step, norm, norms.median, self.trend.median)

    def _through_time(self, spans: Mapping[str, float]) -> Iterator[Finding]:
        """What is left of a gradient at a sequence's first step, whatever the curve between."""
        vanishing, growth = self.limits.vanishing, self.limits.growth
        ratios: dict[str, list[RunningMedian]] = defaultdict(list)
        for part, ratio in self._steady("flow/", "/first_last_ratio"):
            ratios[part.partition("/")[0]].append(ratio)
        for layer, parts in ratios.items():
            # an LSTM's h may forget what its c keeps: the part that keeps most counts
            ratio = max(parts, key=lambda window: window.median)
            since, left, span = ratio.first_step, ratio.median, spans.get(layer, math.nan)
            if vanishing and left < 0.5 ** (1 / vanishing):
                yield Finding(
                    "vanishing",
                    layer,
                    f"its gradient halves every {span / -math.log2(left):.2g} steps back "
                    f"in time on average (median since step {since}), in sequences of "
                    f"{span + 1:.0f} steps: {left:.1g} of it reaches the first step",
                )
            if growth and left > growth:
                yield Finding(
                    "exploding",
                    layer,
                    f"its gradient grows by a factor of 10^{math.log10(left):.1f} back in "
                    f"time over a sequence of {span + 1:.0f} steps (median since step {since})",
                )

    def _saturated(self) -> Iterator[Finding]:
        stuck: dict[str, list[str]] = defaultdict(list)
        for end, words in SATURATED.items():
            for name, share in self._steady("gate/", f"/{end}"):
                if self.limits.saturated and share.median > self.limits.saturated:
                    layer, _, gate = name.rpartition("/")
                    stuck[layer].append(f"{share.median:.0%} of its {gate} {words}")
        for layer, facts in stuck.items():
            yield Finding("saturated", layer, " and ".join(facts))

    def _dead(self, spans: Mapping[str, float]) -> Iterator[Finding]:
        zero: dict[str, list[str]] = defaultdict(list)
        for name, norm in self._steady("grad/", ""):
            one_step = spans.get(name.partition("/")[0]) == 0
            alone = one_step and "/recurrent/" in name  # nothing recurs
            share = name in ("clipped", "total_clipped")
            if not any(norm.values) and not alone and not share:
                layer, _, part = name.partition("/")
                zero[layer].append(part)
        if "total" in zero:
            zero = {"total": [""]}
        for layer, parts in zero.items():
            named = "" if parts == [""] else f" of {shortened(parts)}"
            yield Finding("dead", layer, f"the gradient{named} is exactly zero")

    def _clipped(self) -> Iterator[Finding]:
        limit = self.limits.clipped
        for _, share in self._steady("grad/clipped", ""):
            if limit is not None and share.median > limit:
                fact = f"{share.median:.0%} of the steps since step {share.first_step} were clipped"
                fact += ": steps have one size, whatever the gradient says"
                yield Finding("clipped", "gradient", fact)

    def _heads(self) -> Iterator[Finding]:
        """Heads of an attention that look at one step alone, or all but do."""
        collapsed, logits = self.limits.collapsed, self.limits.logits
        found: dict[tuple[str, str], list[str]] = defaultdict(list)
        for name, share in self._steady("head/", "/evenness"):
            layer, _, head = name.rpartition("/")
            if collapsed and share.median < collapsed:
                fact = f"the entropy of head {head} is {share.median:.1%} of the largest possible"
                found["collapsed", layer].append(fact)
        for name, largest in self._steady("head/", "/logit"):
            layer, _, head = name.rpartition("/")
            if logits and largest.median > logits:
                fact = f"the logits of head {head} reach a magnitude of {largest.median:.3g}"
                found["logits", layer].append(fact)
        for (kind, layer), facts in found.items():
            yield Finding(kind, layer, f"{' and '.join(facts)} (medians)")

    def _steady(self, prefix: str, suffix: str) -> Iterator[tuple[str, RunningMedian]]:
        """Full windows of the keys with a prefix and a suffix, by what is between them."""
        for key, window in self._windows.items():
            if key.startswith(prefix) and key.endswith(suffix) and window.full:
                yield key.removeprefix(prefix).removesuffix(suffix), window
