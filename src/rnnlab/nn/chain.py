"""Sums and maxima over all paths through a chain of tags: what a CRF is computed with.

A path y has the potential exp(sum_t u_t(y_t) + sum_t A(y_t-1, y_t)); u holds the potentials of the
first and the last tag as well. Tensors are time first. Both directions of forward-backward run in
one loop: the backward one reads each sequence reversed, so that its step s belongs to time
L - 1 - s. Nothing is masked on the way: padding stands behind every sequence in either direction,
and what is computed there has no influence on what is before.
"""

from math import log

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rnnlab.data.batch import valid_mask
from rnnlab.layers.precision import without_autocast

Emissions = Float[Tensor, "B T K"]
Tags = Int[Tensor, "B T"]
Lengths = Int[Tensor, "B"]
Unary = Float[Tensor, "T B K"]
Pairs = Float[Tensor, "K K"]


def unaries(
    emissions: Emissions, start: Float[Tensor, "K"], end: Float[Tensor, "K"], lengths: Lengths
) -> Unary:
    """Potentials of the steps, time first, zero beyond the lengths."""
    real = valid_mask(lengths, emissions.shape[1]).t().unsqueeze(2)
    unary = torch.where(real, emissions.transpose(0, 1), 0.0).contiguous()
    unary[0] += start
    rows = torch.arange(len(lengths), device=lengths.device)
    unary[lengths - 1, rows] += end
    return unary


def sums(unary: Unary, transitions: Pairs, lengths: Lengths) -> "ScaledSums | LogSums":
    """Forward-backward over a batch, in scaled space where that is exact, else on logarithms.

    One look at the range of the transitions decides. A GPU would have to be waited for: there
    logarithms serve for every range.

    Args:
        unary: u; any finite values in the padding.
        transitions: A, from rows to columns; may hold -inf.
        lengths: Real steps of each sequence; without any, there is one path, of potential 1.
    """
    every = 0
    if transitions.device.type == "cpu":
        low, high = torch.stack(torch.aminmax(transitions)).tolist()
        every = renormalise_every(high - low, unary.shape[2], unary.dtype)
    with without_autocast(unary.device):
        if every < 1:
            return LogSums(unary, transitions, lengths)
        return ScaledSums(unary, transitions, lengths, every)


def renormalise_every(spread: float, tags: int, dtype: torch.dtype) -> int:
    """Steps that scaled sums can take before they must be scaled again; 0: not even one.

    A step shrinks sums by exp(spread) K at most, whatever the unary potentials are. 70 % of the
    dtype's exponents are given to that, a half for each direction; the rest is the margin in which
    a tag may be lost: one that is less probable than 1e-11 in float32.

    Args:
        spread: Largest minus smallest transition, in nats.
        tags: Number of tags K.
        dtype: Of the sums.
    """
    room = -0.7 * log(torch.finfo(dtype).tiny)
    shrink = spread + log(tags)
    if not 2 * shrink <= room:  # so that NaN comes to 0 as well
        return 0
    return int(room / (2 * shrink)) if shrink > 0.01 else 1000


class ScaledSums:
    """Forward-backward on the potentials themselves: a step is a matrix product and a product.

    Args:
        unary: See `sums`.
        transitions: See `sums`; in a range that `renormalise_every` admits.
        lengths: See `sums`.
        every: Steps between two renormalisations.

    Attributes:
        log_partition: Logarithm of the sum over all paths, (B,).
    """

    def __init__(self, unary: Unary, transitions: Pairs, lengths: Lengths, every: int) -> None:
        steps, batch, tags = unary.shape
        self._mirror = _mirror(lengths, steps)
        peak = unary.amax(2, keepdim=True)
        both = _both_ways((unary - peak).exp_(), self._mirror)
        top = transitions.max()
        self._step = (transitions - top).exp_().div_(tags)
        # one product for both directions: the other halves of the matrix are zero
        matrix = unary.new_zeros(2 * tags, 2 * tags)
        matrix[:tags, :tags], matrix[tags:, tags:] = self._step, self._step.t()
        self._sums = torch.ones_like(both)
        self._states = torch.empty_like(both)
        before, *states = self._states.unbind()
        before.copy_(both[0])
        scales = []
        blocks = zip(self._sums.unbind()[1:], states, both.unbind()[1:], strict=True)
        for t, (total, state, potential) in enumerate(blocks, start=1):
            torch.mm(before, matrix, out=total)
            torch.mul(total, potential, out=state)
            if t % every == 0:
                halves = state.view(batch, 2, tags)
                scale = halves.sum(2, keepdim=True)
                halves.div_(scale)
                scales.append(scale[:, 0, 0])
            before = state
        last = self._states[lengths - 1, torch.arange(batch, device=unary.device), :tags]
        lost = last.sum(1).log_()
        if scales:
            when = torch.arange(every, steps, every, device=unary.device).unsqueeze(1)
            lost += torch.where(when < lengths, torch.stack(scales).log_(), 0.0).sum(0)
        peaks = torch.where(valid_mask(lengths, steps).t(), peak.squeeze(2), 0.0).sum(0)
        found = lost + peaks + (lengths - 1) * (top + log(tags))
        self.log_partition = torch.where(lengths > 0, found, 0.0)

    def expected(self, weight: Float[Tensor, "T B"]) -> tuple[Unary, Pairs]:
        """Weighted probabilities of each tag, and of each pair (y_t-1, y_t) summed over all t.

        Ahead, sums of paths up to y_t without u_t; back, sums of paths from y_t with u_t.

        Args:
            weight: Of each step, and of the pair that ends there; zero on padding.
        """
        tags = len(self._step)
        states = self._states.flatten(0, 1)
        back = states.index_select(0, self._mirror)[:, tags:].view(*weight.shape, tags)
        product = self._sums[..., :tags] * back
        size = product.sum(2)
        share = torch.where(weight != 0, weight / size, 0.0).unsqueeze(2)
        pairs = states[: -weight.shape[1], :tags].t() @ (back[1:] * share[1:]).flatten(0, 1)
        return product.mul_(share), pairs.mul_(self._step)


class LogSums:
    """Forward-backward on logarithms: slower, for transitions of any range, -inf among them.

    Args:
        unary: See `sums`.
        transitions: See `sums`.
        lengths: See `sums`.

    Attributes:
        log_partition: Logarithm of the sum over all paths, (B,).
    """

    def __init__(self, unary: Unary, transitions: Pairs, lengths: Lengths) -> None:
        steps, batch, tags = unary.shape
        mirror = _mirror(lengths, steps)
        both = _both_ways(unary, mirror).view(steps, batch, 2, tags)
        matrix = torch.stack([transitions, transitions.t()])
        total, states = torch.zeros_like(both), torch.empty_like(both)
        states[0] = both[0]
        for t in range(1, steps):
            total[t] = torch.logsumexp(states[t - 1].unsqueeze(3) + matrix, dim=2)
            states[t] = total[t] + both[t]
        self._transitions = transitions
        self._ahead, self._ahead_u = total[:, :, 0], states[:, :, 0]
        self._back_u = states[:, :, 1].flatten(0, 1)[mirror].view(steps, batch, tags)
        rows = torch.arange(batch, device=unary.device)
        found = torch.logsumexp(self._ahead_u[lengths - 1, rows], dim=1)
        self.log_partition = torch.where(lengths > 0, found, 0.0)

    def expected(self, weight: Float[Tensor, "T B"]) -> tuple[Unary, Pairs]:
        """See `ScaledSums.expected`."""
        weight = weight.unsqueeze(2)
        single = (self._ahead + self._back_u).softmax(2)
        pairs = self._ahead_u[:-1].unsqueeze(3) + self._transitions + self._back_u[1:].unsqueeze(2)
        shares = pairs.flatten(2).softmax(2)
        weighted = torch.where(weight[1:] != 0, shares * weight[1:], 0.0).sum((0, 1))
        return (
            torch.where(weight != 0, single * weight, 0.0),
            weighted.view_as(self._transitions),
        )


def viterbi(unary: Unary, transitions: Pairs, lengths: Lengths) -> Int[Tensor, "T B"]:
    """The path with the largest potential; K beyond the lengths.

    No back pointers are kept. The way back asks again which tag led to the maximum, but of one
    tag where the way ahead would have to ask of all K.

    Args:
        unary: See `sums`.
        transitions: See `sums`.
        lengths: See `sums`.
    """
    steps, batch, tags = unary.shape
    u = unary.transpose(1, 2).contiguous()  # the sequences in the inner loop
    best = torch.empty_like(u)
    best[0] = u[0]
    through = u.new_empty(tags, tags, batch)
    matrix = transitions.unsqueeze(2).contiguous()
    blocks = zip(best.unsqueeze(2).unbind(), best.unbind()[1:], u.unbind()[1:], strict=False)
    for before, now, potential in blocks:
        torch.add(before, matrix, out=through)
        torch.amax(through, 0, out=now)
        now.add_(potential)
    # one more tag, K: it is the only one on padding, it is on no real step, and any tag leads to it
    ends = u.new_full((steps, batch, tags + 1), float("-inf"))
    real = valid_mask(lengths, steps).t()
    ends[..., :tags].copy_(best.transpose(1, 2)).masked_fill_(~real.unsqueeze(2), float("-inf"))
    ends[..., tags].masked_fill_(~real, 0.0)
    backward = u.new_zeros(tags + 1, tags + 1)
    backward[:tags, :tags] = transitions.t()
    path = torch.empty(steps, batch, dtype=torch.long, device=u.device)
    after = torch.full((batch,), tags, device=u.device)
    choice = u.new_empty(batch, tags + 1)
    for end, tag in zip(reversed(ends.unbind()), reversed(path.unbind()), strict=True):
        torch.index_select(backward, 0, after, out=choice)
        torch.argmax(choice.add_(end), 1, out=tag)
        after = tag
    return path


def exact(emissions: Float[Tensor, "*"]) -> Float[Tensor, "*"]:
    """In float64 where they are that, else in float32: half precision would not do for sums."""
    return emissions if emissions.dtype == torch.float64 else emissions.float()


def _mirror(lengths: Lengths, steps: int) -> Int[Tensor, "TB"]:
    """Which of the T B rows stands at each place when sequences are reversed; padding stays."""
    step = torch.arange(steps, device=lengths.device).unsqueeze(1)
    turned = lengths - 1 - step
    turned = torch.where(turned >= 0, turned, step)
    return (turned * len(lengths) + torch.arange(len(lengths), device=lengths.device)).flatten()


def _both_ways(x: Unary, mirror: Int[Tensor, "TB"]) -> Float[Tensor, "T B 2K"]:
    return torch.cat([x, x.flatten(0, 1).index_select(0, mirror).view_as(x)], dim=2)
