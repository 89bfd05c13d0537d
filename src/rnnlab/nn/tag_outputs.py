"""From scores of each step's tags to loss, tags and probabilities: step by step, or as a whole."""

from typing import Any, ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from rnnlab.data.batch import IGNORE, valid_mask
from rnnlab.errors import ConfigError
from rnnlab.nn.chain import Emissions, Lengths, Tags, exact, unaries, viterbi
from rnnlab.nn.crf import CRF
from rnnlab.nn.rules import Penalties, Rules

TagOutputKind = Literal["softmax", "crf"]


class SoftmaxTags(nn.Module):
    """Each step by itself; with rules, the best sequence that they allow.

    Args:
        tags: Number of tags K.
        rules: What a decoded sequence may look like; None for anything.

    Attributes:
        step_by_step: Whether the loss is a sum over steps, which can have weights.
    """

    step_by_step: ClassVar[bool] = True

    def __init__(self, tags: int, rules: Rules | None) -> None:
        super().__init__()
        self.penalties = None if rules is None else Penalties(rules)

    def potentials(self) -> dict[str, Any]:
        """What a search adds to the scores of steps: nothing; and what the rules allow."""
        return {"potentials": None, "allowed": _allowed(self.penalties)}

    def check_targets(self, ids: np.ndarray) -> None:
        """Whether it can learn all of these tags, before training; it can."""

    def loss(
        self,
        scores: Emissions,
        target: Tags,
        lengths: Lengths,
        weight: Float[Tensor, "K"] | None = None,
    ) -> Float[Tensor, ""]:
        """Negative log-likelihood in nats, the mean over the steps with a target.

        With weights of the tags the weighted mean, as torch's `cross_entropy` has it.
        """
        flat, tags = scores.flatten(0, 1), target.flatten()
        return functional.cross_entropy(flat, tags, weight, ignore_index=IGNORE)

    @torch.no_grad()
    def decode(self, scores: Emissions, lengths: Lengths) -> Tags:
        """The most probable tags; what stands beyond the lengths means nothing."""
        if self.penalties is None:
            return scores.argmax(dim=2)
        unary = unaries(exact(scores), self.penalties.start, self.penalties.end, lengths)
        return viterbi(unary, self.penalties.pairs.to(unary.dtype), lengths).t()

    @torch.no_grad()
    def probabilities(self, scores: Emissions, lengths: Lengths) -> Emissions:
        """Probability of each tag at each step by itself, whatever the rules.

        What stands beyond the lengths means nothing.
        """
        return exact(scores).softmax(2)


class CRFTags(nn.Module):
    """A linear-chain CRF; see `rnnlab.nn.crf`. Methods are those of `SoftmaxTags`.

    Args:
        tags: Number of tags K.
        rules: What a decoded sequence may look like; None for anything.
    """

    step_by_step: ClassVar[bool] = False

    def __init__(self, tags: int, rules: Rules | None) -> None:
        super().__init__()
        self.crf = CRF(tags, rules=rules)

    def potentials(self) -> dict[str, Any]:
        """Potentials of the start, of pairs and of the end, and what the rules allow."""
        crf = self.crf
        parts = {"start": crf.start, "pairs": crf.transitions, "end": crf.end}
        return {
            "potentials": {name: part.tolist() for name, part in parts.items()},
            "allowed": _allowed(crf.penalties),
        }

    def check_targets(self, ids: np.ndarray) -> None:
        """See `SoftmaxTags.check_targets`; ConfigError where a step has no tag."""
        if (ids == IGNORE).any():
            raise ConfigError(
                "task.output: crf needs a tag at every step, this data has steps without one; "
                "choose softmax"
            )

    def loss(
        self, scores: Emissions, target: Tags, lengths: Lengths, weight: None = None
    ) -> Float[Tensor, ""]:
        """See `SoftmaxTags.loss`; every step within the lengths needs a target.

        Raises:
            ConfigError: One has none. In training on a GPU, which would have to be waited for, the
                caller has asked `check_targets` before.
        """
        if not self.training or target.device.type == "cpu":
            self.check_targets(target[valid_mask(lengths, target.shape[1])].cpu().numpy())
        return self.crf.nll(scores, target, lengths).sum() / lengths.sum()

    def decode(self, scores: Emissions, lengths: Lengths) -> Tags:
        """See `SoftmaxTags.decode`."""
        return self.crf.decode(scores, lengths)

    def probabilities(self, scores: Emissions, lengths: Lengths) -> Emissions:
        """Probability of each tag at each step, of all whole sequences that the rules allow."""
        return self.crf.marginals(scores, lengths)


def _allowed(penalties: Penalties | None) -> dict[str, list[Any]] | None:
    if penalties is None:
        return None
    names = ("start", "pairs", "end")
    return {name: (getattr(penalties, name) == 0).tolist() for name in names}


OUTPUTS: dict[TagOutputKind, type[SoftmaxTags] | type[CRFTags]] = {
    "softmax": SoftmaxTags,
    "crf": CRFTags,
}
"""The module of each choice."""
