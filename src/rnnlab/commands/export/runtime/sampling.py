"""Texts drawn token by token; probabilities are those of `rnnlab.nn.sampling`."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

Arrays = dict[str, np.ndarray]
Step = Callable[[np.ndarray, Arrays], tuple[np.ndarray, Arrays]]
"""Last tokens (N,) and state -> log-probabilities of the next (N, V), and the state after it."""

COLDEST, HOTTEST = 1e-30, 1e30
"""Beyond them log-probabilities divided by a temperature are no numbers any more."""


class Drawing(NamedTuple):
    """How texts are drawn; see `rnnlab.nn.sampling.Sampling`.

    Attributes:
        number: Texts.
        max_new_tokens: Tokens of each at most.
        temperature: Divides log-probabilities; 0 always takes the most probable token.
        top_k: Draw from this many most probable tokens; None for all.
        top_p: Draw from the fewest most probable tokens that have this probability together.
        seed: The same seed draws the same texts; not those of rnnlab, which draws by torch.
    """

    number: int = 1
    max_new_tokens: int = 300
    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0
    seed: int = 1

    def probabilities(self, log_probs: np.ndarray) -> np.ndarray:
        """What is drawn from: of each row (N, V) the probabilities that remain, summing to 1."""
        order = np.argsort(-log_probs, axis=1, kind="stable")
        ranked = np.take_along_axis(log_probs.astype(np.float64), order, axis=1)
        temperature = min(max(self.temperature, COLDEST), HOTTEST)
        ranked = np.exp((ranked - ranked[:, :1]) / temperature)
        if self.temperature < COLDEST:
            ranked[:, 1:] = 0.0
        ranked /= ranked.sum(axis=1, keepdims=True)
        if self.top_k is not None:
            ranked[:, self.top_k :] = 0.0
            ranked /= ranked.sum(axis=1, keepdims=True)
        if self.top_p < 1:
            # a token stays if those before it have less than top_p: the first one always does
            before = ranked.cumsum(axis=1) - ranked
            before[:, 0] = -1.0
            ranked = np.where(before < self.top_p, ranked, 0.0)
            ranked /= ranked.sum(axis=1, keepdims=True)
        found = np.zeros_like(ranked)
        np.put_along_axis(found, order, ranked, axis=1)
        return found


def sample(
    step: Step,
    state: Arrays,
    start: int,
    drawing: Drawing,
    banned: Sequence[int],
    end: int | None = None,
) -> list[list[int]]:
    """Draw sequences.

    Args:
        step: See `Step`.
        state: Before the first step; each part has one row.
        start: Token that is fed first; no part of the result.
        drawing: How they are drawn.
        banned: Tokens never drawn.
        end: Token that ends a sequence, itself not in the result; None for none.
    """
    random = np.random.default_rng(drawing.seed)
    state = {name: part.repeat(drawing.number, axis=0) for name, part in state.items()}
    last = np.full(drawing.number, start, np.int64)
    drawn: list[np.ndarray] = []
    done = np.zeros(drawing.number, bool)
    for _ in range(drawing.max_new_tokens):
        log_probs, state = step(last, state)
        log_probs[:, list(banned)] = -np.inf
        chances = drawing.probabilities(log_probs)
        last = np.array([random.choice(len(row), p=row) for row in chances], np.int64)
        drawn.append(last)
        done |= last == end
        if done.all():
            break
    rows: list[list[int]] = np.array(drawn).reshape(len(drawn), -1).T.tolist()
    return [row[: row.index(end)] if end in row else row for row in rows or [[]] * drawing.number]
