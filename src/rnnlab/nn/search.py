"""Beam search over any step function."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rnnlab.layers.base import State

Step = Callable[[Tensor, State], tuple[Tensor, State]]
"""Last tokens (N,) and state -> log-probabilities of the next (N, V), and the state after it."""


@dataclass(frozen=True, slots=True)
class Hypotheses:
    """The best sequences found for each sentence, the best first.

    Attributes:
        tokens: Token ids of each, without start and end; fewer than N where no more were found.
        scores: Their normalised log-probabilities (B, N), see `beam_search`; -inf for those that
            were not found.
    """

    tokens: list[list[list[int]]]
    scores: Float[Tensor, "B N"]

    @property
    def best(self) -> list[list[int]]:
        """The best sequence of each sentence, empty where the step function allows none at all."""
        return [sequences[0] if sequences else [] for sequences in self.tokens]


@torch.no_grad()
def beam_search(
    step: Step,
    state: State,
    start: int,
    end: int,
    *,
    num_beams: int,
    num_return_sequences: int = 1,
    max_length: int | Int[Tensor, "B"],
    length_penalty: float = 1.0,
    banned: Sequence[int] = (),
) -> Hypotheses:
    """Search for the sequences y with the largest log p(y, end) / (|y| + 1) ** length_penalty.

    |y| + 1 counts the tokens with the end; the penalty is Wu et al. 2016 (arXiv:1609.08144, eq.
    14) without its constant 5. At each step the `num_beams` best continuations of all prefixes that
    do not end are kept. A sequence counts as found if its end is among the `num_beams` best
    continuations. A sentence is done when `num_beams` sequences were found, or when no prefix can
    reach the last of the `num_return_sequences` best scores found so far; its rows then leave the
    batch. With `num_beams=1` this is greedy decoding: the most probable token at every step. It is
    exact with a beam for all continuations of one step: (W + 1) W ** (`max_length` - 1) of them,
    where W tokens may be emitted besides the end.

    Args:
        step: Last tokens (N,) and state -> log-probabilities (N, V), next state.
        state: State before the first step; each part has one row a sentence (B, ...).
        start: Token that is fed first; never emitted (unless it is `end` as well).
        end: Token that ends a sequence.
        num_beams: Prefixes kept, at least 1.
        num_return_sequences: Sequences wanted of each sentence, at least 1 and at most `num_beams`.
        max_length: Largest |y|, of all sentences or of each; after that many tokens the end
            is the only continuation.
        length_penalty: Exponent, at least 0; 0 compares plain log-probabilities and so favours
            short sequences.
        banned: Further tokens never emitted.
    """
    if not 1 <= num_return_sequences <= num_beams or length_penalty < 0:
        raise ValueError("num_return_sequences: at least 1, at most num_beams; no negative penalty")
    beam, nbest = num_beams, num_return_sequences
    sentences, device = state[0].shape[0], state[0].device
    limit = torch.as_tensor(max_length, device=device).expand(sentences)
    never = torch.tensor(sorted({start, *banned} - {end}), dtype=torch.long, device=device)

    alive = torch.arange(sentences, device=device)  # sentences still searched: S of B
    state = tuple(part.repeat_interleave(beam, dim=0) for part in state)
    last = torch.full((sentences * beam,), start, device=device)
    prefixes = last.new_zeros(sentences, beam, 0)
    totals = torch.zeros(0)  # log-probabilities of the prefixes (S, beam); set in the first step
    found = torch.zeros(sentences, dtype=torch.long, device=device)
    best = torch.zeros(0, nbest)
    longest = int(limit.max()) if sentences else 0
    best_tokens = last.new_zeros(sentences, nbest, longest)
    best_length = last.new_zeros(sentences, nbest)

    for length in range(longest + 1):
        log_probs, state = step(last, state)
        if length == 0:
            best = log_probs.new_full((sentences, nbest), float("-inf"))
            totals = log_probs.new_full((sentences, beam), float("-inf"))
            totals[:, 0] = 0.0  # all rows of a sentence are equal: one of them is enough
        size = log_probs.shape[1]
        candidates = totals.unsqueeze(2) + log_probs.view(len(alive), beam, size)
        candidates.index_fill_(2, never, float("-inf"))
        forced = limit[alive] <= length
        not_end = torch.arange(size, device=device) != end
        candidates.masked_fill_(forced.view(-1, 1, 1) & not_end, float("-inf"))

        # at most one candidate a prefix ends, so 2 * beam hold at least beam that go on
        scores, flat = candidates.flatten(1).topk(2 * beam)
        parents, tokens = flat // size, flat % size
        ends = tokens == end

        # sequences found in this step
        finished = scores[:, :beam].masked_fill(~ends[:, :beam], float("-inf"))
        found[alive] += finished.isfinite().sum(dim=1)
        # of equal scores those found before stand first
        rated = torch.cat([best[alive], finished / (length + 1) ** length_penalty], dim=1)
        rated, place = (x[:, :nbest] for x in rated.sort(dim=1, descending=True, stable=True))
        new, old, parent = place >= nbest, place.clamp(max=nbest - 1), (place - nbest).clamp(min=0)
        best[alive] = rated
        best_length[alive] = torch.where(new, length, best_length[alive].gather(1, old))
        best_tokens[alive, :, :length] = torch.where(
            new.unsqueeze(2),
            _rows(prefixes, parents.gather(1, parent)),
            _rows(best_tokens[alive, :, :length], old),
        )

        # prefixes that go on, in the order of their scores
        onward = ends.long().argsort(dim=1, stable=True)[:, :beam]
        totals, parents, tokens = (x.gather(1, onward) for x in (scores, parents, tokens))
        reachable = totals[:, 0] / (limit[alive] + 1) ** length_penalty
        done = forced | (found[alive] >= beam) | (rated[:, -1] >= reachable)

        keep = (~done).nonzero().squeeze(1)
        if len(keep) == 0:
            break
        rows = (keep.unsqueeze(1) * beam + parents[keep]).flatten()
        state = tuple(part.index_select(0, rows) for part in state)
        prefixes = prefixes.flatten(0, 1).index_select(0, rows).view(len(keep), beam, length)
        prefixes = torch.cat([prefixes, tokens[keep].unsqueeze(2)], dim=2)
        alive, totals, last = alive[keep], totals[keep], tokens[keep].flatten()

    every = zip(best_tokens.tolist(), best_length.tolist(), best.tolist(), strict=True)
    sequences = [
        [row[:n] for row, n, score in zip(*one, strict=True) if score > float("-inf")]
        for one in every
    ]
    return Hypotheses(sequences, best)


def _rows(of: Tensor, index: Tensor) -> Tensor:
    """Of (S, K, L) the rows (S, N, L) that `index` (S, N) names."""
    return of.gather(1, index.unsqueeze(2).expand(-1, -1, of.shape[2]))
