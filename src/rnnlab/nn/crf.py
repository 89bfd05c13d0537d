"""A linear-chain conditional random field over the tags of a sentence."""

from collections.abc import Callable
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.autograd.function import Function, once_differentiable

from rnnlab.data.batch import valid_mask
from rnnlab.layers.precision import without_autocast
from rnnlab.nn.chain import (
    Emissions,
    Lengths,
    Pairs,
    Tags,
    Unary,
    exact,
    sums,
    unaries,
    viterbi,
)
from rnnlab.nn.rules import Penalties, Rules


class CRF(nn.Module):
    """p(y | x) = exp(score(x, y) - log Z(x)) over whole tag sequences (Lafferty et al. 2001).

    The score of y is the sum of the emissions of its tags, of a transition for each neighbouring
    pair, and of a start and an end potential. Emissions are right padded; what stands beyond the
    lengths has no influence. All is computed in float32 (in float64 where emissions are that),
    under autocast too.

    Args:
        tags: Number of tags K.
        rules: Which sequences `decode` and `marginals` allow; None for all. The loss does not use
            them: it learns to avoid what it never sees. To a sequence of a length for which they
            allow nothing they do not apply.

    Attributes:
        start: Potential of the first tag, (K,).
        transitions: Of each pair, from rows to columns, (K, K).
        end: Of the last tag, (K,).
    """

    def __init__(self, tags: int, *, rules: Rules | None = None) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.empty(tags).uniform_(-0.1, 0.1))
        self.transitions = nn.Parameter(torch.empty(tags, tags).uniform_(-0.1, 0.1))
        self.end = nn.Parameter(torch.empty(tags).uniform_(-0.1, 0.1))
        self.penalties = None if rules is None else Penalties(rules)

    def nll(self, emissions: Emissions, tags: Tags, lengths: Lengths) -> Float[Tensor, "B"]:
        """Negative log-likelihood of each sequence in nats; differentiable once.

        Args:
            emissions: Scores of each step's tags.
            tags: Ids; every step within `lengths` needs one.
            lengths: Real steps of each sequence; of 0 steps there is one sequence, and its
                probability is 1.
        """
        result: Tensor = _NLL.apply(*self._exact(emissions), tags, lengths)  # type: ignore[no-untyped-call]
        return result

    @torch.no_grad()
    def marginals(self, emissions: Emissions, lengths: Lengths) -> Emissions:
        """Probability of each tag at each step, over all sequences that the rules allow.

        Zero beyond the lengths.
        """

        def marginals(unary: Tensor, pairs: Tensor) -> Tensor:
            weight = valid_mask(lengths, emissions.shape[1]).t().to(unary.dtype)
            return sums(unary, pairs, lengths).expected(weight)[0].transpose(0, 1)

        return self._ruled(marginals, emissions, lengths)

    @torch.no_grad()
    def decode(self, emissions: Emissions, lengths: Lengths) -> Tags:
        """The most probable sequence that the rules allow; K beyond the lengths."""
        return self._ruled(lambda u, pairs: viterbi(u, pairs, lengths).t(), emissions, lengths)

    def _ruled(
        self, of: Callable[[Unary, Pairs], Tensor], emissions: Emissions, lengths: Lengths
    ) -> Tensor:
        """A function (B, ...) of the potentials of steps and pairs, minus infinity if forbidden."""
        emissions, start, pairs, end = self._exact(emissions)
        free, rules = (unaries(emissions, start, end, lengths), pairs), self.penalties
        if rules is None:
            return of(*free)
        unary = unaries(emissions, start + rules.start, end + rules.end, lengths)
        result = of(unary, pairs + rules.pairs)
        possible = rules.possible(emissions.shape[1])
        if possible.all():
            return result
        apply = possible.to(lengths.device)[lengths]
        return torch.where(apply.view(-1, *[1] * (result.dim() - 1)), result, of(*free))

    def _exact(self, emissions: Emissions) -> list[Tensor]:
        """Emissions and the potentials of start, pairs and end, in the precision of the sums."""
        emissions = exact(emissions)
        potentials = self.start, self.transitions, self.end
        return [emissions, *(part.to(emissions.dtype) for part in potentials)]


class _NLL(Function):
    """Its gradients are the marginals minus the sequence itself: autograd records no steps."""

    @staticmethod
    def forward(
        ctx: Any,
        emissions: Tensor,
        start: Tensor,
        pairs: Tensor,
        end: Tensor,
        tags: Tensor,
        lengths: Tensor,
    ) -> Tensor:
        real = valid_mask(lengths, tags.shape[1]).t()
        tags = torch.where(real, tags.t(), 0)
        unary = unaries(emissions, start, end, lengths)
        ctx.sums = done = sums(unary, pairs, lengths)
        places = tags[:-1] * len(start) + tags[1:]
        ctx.save_for_backward(real, tags, places, lengths)
        ctx.shape = pairs.shape
        steps = torch.where(real, unary.gather(2, tags.unsqueeze(2)).squeeze(2), 0.0)
        turns = torch.where(real[1:], pairs.take(places), 0.0)
        return done.log_partition - steps.sum(0) - turns.sum(0)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        real, tags, places, lengths = ctx.saved_tensors
        weight = torch.where(real, gradient, 0.0)
        with without_autocast(weight.device):
            unary, pairs = ctx.sums.expected(weight)
        unary.scatter_add_(2, tags.unsqueeze(2), -weight.unsqueeze(2))
        pairs.put_(places, -weight[1:], accumulate=True)
        rows = torch.arange(len(lengths), device=lengths.device)
        first, last = unary[0].sum(0), unary[lengths - 1, rows].sum(0)
        return unary.transpose(0, 1), first, pairs, last, None, None
