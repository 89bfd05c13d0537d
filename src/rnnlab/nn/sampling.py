"""Sampling from any step function, where `beam_search` looks for the best."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rnnlab.layers.base import State
from rnnlab.nn.search import Step

Draw = Callable[..., list[list[int]]]
"""`sample`, of which all is given but the step function, its start and tokens to avoid."""


COLDEST, HOTTEST = 1e-30, 1e30
"""Beyond them log-probabilities divided by a temperature are no numbers any more."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a token is drawn from a distribution.

    Attributes:
        temperature: Divides log-probabilities: below 1 favours probable tokens, above 1 makes all
            more alike; 0 always takes the most probable token.
        top_k: Draw from this many most probable tokens; None for all.
        top_p: Draw from the fewest most probable tokens that have this probability together
            (nucleus sampling, Holtzman et al. 2020, arXiv:1904.09751); after `top_k`.
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0

    def probabilities(self, log_probs: Float[Tensor, "N V"]) -> Float[Tensor, "N V"]:
        """What is drawn from: of each row the probabilities that remain, summing to 1."""
        order = log_probs.argsort(dim=1, descending=True, stable=True)
        if self.temperature < COLDEST:
            return torch.zeros_like(log_probs).scatter_(1, order[:, :1], 1.0)
        temperature = min(self.temperature, HOTTEST)
        ranked = (log_probs.gather(1, order) / temperature).softmax(dim=1)
        if self.top_k is not None:
            ranked[:, self.top_k :] = 0.0
            ranked = ranked / ranked.sum(dim=1, keepdim=True)
        if self.top_p < 1:
            # a token stays if those before it have less than top_p: the first one always does
            before = ranked.cumsum(dim=1) - ranked
            before[:, 0] = -1.0  # also where `top_p` is too small for a float
            ranked = torch.where(before < self.top_p, ranked, 0.0)
            ranked = ranked / ranked.sum(dim=1, keepdim=True)
        return torch.zeros_like(ranked).scatter_(1, order, ranked)


@torch.no_grad()
def sample(
    step: Step,
    state: State,
    start: Int[Tensor, "B"],
    *,
    max_new_tokens: int,
    sampling: Sampling,
    num_return_sequences: int = 1,
    end: int | None = None,
    banned: Sequence[int] = (),
    generator: torch.Generator | None = None,
) -> list[list[int]]:
    """Draw sequences token by token.

    Args:
        step: Last tokens (B,) and state -> log-probabilities (B, V), next state.
        state: State before the first step; each part has one row a start (B, ...).
        start: Tokens that are fed first; they are no part of the result.
        max_new_tokens: Tokens drawn at most.
        sampling: How each is drawn.
        num_return_sequences: Sequences drawn from each start.
        end: Token that ends a sequence, itself not in the result; None for none.
        banned: Tokens never drawn.
        generator: Source of the random numbers; None for torch's own. The same state on the same
            batch draws the same tokens.

    Returns:
        Token ids of each sequence, those of a start together.
    """
    never = torch.tensor(sorted(set(banned)), dtype=torch.long, device=start.device)
    last = start.repeat_interleave(num_return_sequences)
    state = tuple(part.repeat_interleave(num_return_sequences, dim=0) for part in state)
    done = torch.zeros_like(last, dtype=torch.bool)
    drawn: list[Tensor] = []
    for _ in range(max_new_tokens):
        log_probs, state = step(last, state)
        log_probs = log_probs.float().index_fill(1, never, float("-inf"))
        chances = sampling.probabilities(log_probs)
        last = torch.multinomial(chances, 1, generator=generator).squeeze(1)
        drawn.append(last)
        if end is not None:
            done = done | (last == end)
            if bool(done.all()):
                break
    rows = torch.stack(drawn, dim=1).tolist() if drawn else [[] for _ in last]
    return [row[: row.index(end)] if end in row else row for row in rows]
