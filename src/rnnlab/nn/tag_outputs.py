"""From scores of each step's tags to loss, tags and probabilities: step by step, or as a whole."""

from abc import ABC, abstractmethod
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from rnnlab.data.batch import IGNORE, valid_mask
from rnnlab.errors import ConfigError
from rnnlab.nn.chain import exact, unaries, viterbi
from rnnlab.nn.crf import CRF
from rnnlab.nn.rules import Penalties, Rules

TagOutputKind = Literal["softmax", "crf"]


class TagOutput(nn.Module, ABC):
    """How K scores a step become a sequence of tags.

    Args:
        tags: Number of tags K.
        rules: What a decoded sequence may look like; None for anything.
    """

    @abstractmethod
    def __init__(self, tags: int, rules: Rules | None) -> None:
        super().__init__()

    @abstractmethod
    def loss(
        self,
        scores: Float[Tensor, "B T K"],
        target: Int[Tensor, "B T"],
        lengths: Int[Tensor, "B"],
    ) -> Float[Tensor, ""]:
        """Negative log-likelihood in nats, divided by the number of steps with a target."""

    @abstractmethod
    def decode(
        self, scores: Float[Tensor, "B T K"], lengths: Int[Tensor, "B"]
    ) -> Int[Tensor, "B T"]:
        """The most probable tags; what stands beyond the lengths means nothing."""

    @abstractmethod
    def probabilities(
        self, scores: Float[Tensor, "B T K"], lengths: Int[Tensor, "B"]
    ) -> Float[Tensor, "B T K"]:
        """Probability of each tag at each step; what stands beyond the lengths means nothing."""


class SoftmaxTags(TagOutput):
    """Each step by itself; with rules, the best sequence that they allow."""

    def __init__(self, tags: int, rules: Rules | None) -> None:
        super().__init__(tags, rules)
        self.penalties = None if rules is None else Penalties(rules)

    def loss(
        self,
        scores: Float[Tensor, "B T K"],
        target: Int[Tensor, "B T"],
        lengths: Int[Tensor, "B"],
    ) -> Float[Tensor, ""]:
        """Cross entropy; steps whose target is `IGNORE` do not count."""
        return functional.cross_entropy(scores.flatten(0, 1), target.flatten(), ignore_index=IGNORE)

    @torch.no_grad()
    def decode(
        self, scores: Float[Tensor, "B T K"], lengths: Int[Tensor, "B"]
    ) -> Int[Tensor, "B T"]:
        """See `TagOutput.decode`."""
        if self.penalties is None:
            return scores.argmax(dim=2)
        start, end = self.penalties.start, self.penalties.end
        unary = unaries(exact(scores), start, end, lengths)
        return viterbi(unary, self.penalties.pairs.to(unary.dtype), lengths).t()

    @torch.no_grad()
    def probabilities(
        self, scores: Float[Tensor, "B T K"], lengths: Int[Tensor, "B"]
    ) -> Float[Tensor, "B T K"]:
        """See `TagOutput.probabilities`; those of each step alone, whatever the rules."""
        return exact(scores).softmax(2)


class CRFTags(TagOutput):
    """A linear-chain CRF; see `rnnlab.nn.crf`."""

    def __init__(self, tags: int, rules: Rules | None) -> None:
        super().__init__(tags, rules)
        self.crf = CRF(tags, rules=rules)

    def loss(
        self,
        scores: Float[Tensor, "B T K"],
        target: Int[Tensor, "B T"],
        lengths: Int[Tensor, "B"],
    ) -> Float[Tensor, ""]:
        """See `TagOutput.loss`; ConfigError where a step within the lengths has no target."""
        if bool(((target == IGNORE) & valid_mask(lengths, target.shape[1])).any()):
            raise ConfigError(
                "task.output: crf needs a tag at every step, this data has steps without one; "
                "choose softmax"
            )
        return self.crf.nll(scores, target, lengths).sum() / lengths.sum()

    def decode(
        self, scores: Float[Tensor, "B T K"], lengths: Int[Tensor, "B"]
    ) -> Int[Tensor, "B T"]:
        """See `TagOutput.decode`."""
        return self.crf.decode(scores, lengths)

    def probabilities(
        self, scores: Float[Tensor, "B T K"], lengths: Int[Tensor, "B"]
    ) -> Float[Tensor, "B T K"]:
        """See `TagOutput.probabilities`; of all whole sequences that the rules allow."""
        return self.crf.marginals(scores, lengths)


OUTPUTS: dict[TagOutputKind, type[TagOutput]] = {"softmax": SoftmaxTags, "crf": CRFTags}
"""The module of each choice."""
