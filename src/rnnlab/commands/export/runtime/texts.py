"""Answers of a decoder: the best texts that a beam search finds."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnlab.commands.export.runtime.inputs import Feeds
from rnnlab.commands.export.runtime.sampling import Arrays, Step

if TYPE_CHECKING:
    from rnnlab.commands.export.runtime.model import ExportedModel


Found = list[tuple[float, list[int]]]
"""Scores and sequences, the best first."""


def answers(model: "ExportedModel", feeds: Feeds, items: Sequence[Any]) -> list[str]:
    """The best text of each."""
    return [found[0][0] for found in search(model, feeds, items, 1, None)]


def search(
    model: "ExportedModel", feeds: Feeds, items: Sequence[Any], number: int, num_beams: int | None
) -> list[list[tuple[str, float]]]:
    """The best texts of each with their scores, the best first.

    Args:
        model: With an encoder and a step.
        feeds: Of the encoder.
        items: What is asked about.
        number: Texts of each at most.
        num_beams: Width of the search; None for the model's own.
    """
    beams = wide_enough(model.decoding["num_beams"] if num_beams is None else num_beams, number)
    step, state, limit = begin(model, feeds, len(items))
    every = beam_search(step, state, limit, model.decoding, beams, number)
    nothing: Found = [(-np.inf, [])]
    return [[(model.text(ids), score) for score, ids in found or nothing] for found in every]


def wide_enough(num_beams: int, number: int) -> int:
    """The width of a search, where it finds so many."""
    if number > num_beams:
        raise SystemExit(
            f"runner.py: --num-return-sequences: {number} is more than a search with "
            f"--num-beams {num_beams} finds; choose --num-beams {number}"
        )
    return num_beams


def begin(model: "ExportedModel", feeds: Feeds, rows: int) -> tuple[Step, Arrays, np.ndarray]:
    """A step of the decoder, its first state, and the tokens that each text may have (B,)."""
    encoded = model.run("encoder", feeds)
    memory = {name: part for name, part in encoded.items() if name.startswith("memory_")}
    state = {name: part for name, part in encoded.items() if name.startswith("state_")}
    state["rows"] = np.arange(rows)

    def step(tokens: np.ndarray, state: Arrays) -> tuple[np.ndarray, Arrays]:
        rows = state["rows"]
        own = {name: part[rows] for name, part in memory.items()}
        found = model.run("step", {"tokens": tokens, **state, **own})
        after = {n.removeprefix("next_"): part for n, part in found.items() if n != "log_probs"}
        return found["log_probs"], {**after, "rows": rows}

    return step, state, encoded["max_length"]


def beam_search(
    step: Step,
    state: Arrays,
    limit: np.ndarray,
    decoding: dict[str, Any],
    beam: int,
    number: int,
) -> list[Found]:
    """The sequences y with the largest log p(y, end) / (|y| + 1) ** length_penalty, of each row.

    The same search as `rnnlab.nn.search.beam_search`.

    Args:
        step: See `Step`.
        state: Before the first step; each part has one row a sentence.
        limit: Tokens that each may have (B,).
        decoding: `start`, `end`, `banned` and `length_penalty`.
        beam: Prefixes kept.
        number: Sequences wanted of each row, at most `beam`.
    """
    end, power = decoding["end"], decoding["length_penalty"]
    never = sorted({decoding["start"], *decoding["banned"]} - {end})
    sentences = len(limit)
    alive = np.arange(sentences)
    state = {name: part.repeat(beam, axis=0) for name, part in state.items()}
    last = np.full(sentences * beam, decoding["start"], np.int64)
    prefixes = np.zeros((sentences, beam, 0), np.int64)
    totals = np.full((sentences, beam), -np.inf, np.float32)
    totals[:, 0] = 0.0  # all rows of a sentence are equal: one of them is enough
    found = np.zeros(sentences, np.int64)
    best: list[Found] = [[] for _ in range(sentences)]
    for length in range(int(limit.max(initial=0)) + 1):
        log_probs, state = step(last, state)
        size = log_probs.shape[1]
        candidates = totals[:, :, None] + log_probs.reshape(len(alive), beam, size)
        candidates[:, :, never] = -np.inf
        forced = limit[alive] <= length
        ending = candidates[:, :, end].copy()
        candidates[forced] = -np.inf
        candidates[:, :, end] = ending
        # at most one candidate a prefix ends, so 2 * beam hold at least beam that go on
        scores, flat = largest(candidates.reshape(len(alive), -1), 2 * beam)
        parents, tokens = flat // size, flat % size
        ends = tokens == end
        finished = np.where(ends[:, :beam], scores[:, :beam], -np.inf)
        found[alive] += np.isfinite(finished).sum(axis=1)
        rated = finished / (length + 1) ** power
        for row, place in zip(*np.isfinite(rated).nonzero(), strict=True):
            sequence = prefixes[row, parents[row, place]].tolist()
            best[alive[row]].append((float(rated[row, place]), sequence))
        for row in alive:  # of equal scores those found before stand first
            best[row] = sorted(best[row], key=lambda each: -each[0])[:number]
        worst = [best[row][-1][0] if len(best[row]) == number else -np.inf for row in alive]
        onward = np.argsort(ends, axis=1, kind="stable")[:, :beam]
        totals, parents, tokens = (
            np.take_along_axis(part, onward, axis=1) for part in (scores, parents, tokens)
        )
        reachable = totals[:, 0] / (limit[alive] + 1) ** power
        keep = np.flatnonzero(~(forced | (found[alive] >= beam) | (worst >= reachable)))
        if not len(keep):
            break
        rows = (keep[:, None] * beam + parents[keep]).ravel()
        state = {name: part[rows] for name, part in state.items()}
        prefixes = prefixes.reshape(len(alive) * beam, length)[rows].reshape(
            len(keep), beam, length
        )
        prefixes = np.concatenate([prefixes, tokens[keep][:, :, None]], axis=2)
        alive, totals, last = alive[keep], totals[keep], tokens[keep].ravel()
    return best


def largest(values: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """The largest of each row, in falling order, and their places; fewer where a row is shorter."""
    count = min(count, values.shape[1])
    some = np.argpartition(-values, count - 1, axis=1)[:, :count]
    order = np.argsort(-np.take_along_axis(values, some, axis=1), axis=1, kind="stable")
    places = np.take_along_axis(some, order, axis=1)
    return np.take_along_axis(values, places, axis=1), places
