"""Answers of connectionist temporal classification: the texts that the steps' tokens stand for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnlab.commands.export.runtime.inputs import Feeds
from rnnlab.commands.export.runtime.texts import Found, wide_enough

if TYPE_CHECKING:
    from rnnlab.commands.export.runtime.model import ExportedModel

BLANK = 0


def answers(model: "ExportedModel", feeds: Feeds, items: Sequence[Any]) -> list[str]:
    """The text of each: of the most probable alignment, or with beams of all alignments."""
    return [found[0][0] for found in search(model, feeds, items, 1, None)]


def search(
    model: "ExportedModel", feeds: Feeds, items: Sequence[Any], number: int, num_beams: int | None
) -> list[list[tuple[str, float]]]:
    """The best texts of each with their log-probabilities; see `search` of `texts.py`."""
    decoding = model.decoding
    beams = wide_enough(decoding["num_beams"] if num_beams is None else num_beams, number)
    banned = [decoding["start"], decoding["end"]]
    encoded = model.run("model", feeds)
    texts = []
    for row, steps in zip(encoded["log_probs"], encoded["steps"], strict=True):
        emitted = row[:steps]
        if beams > 1:
            found = prefix_search(emitted, beams, banned)[:number]
        else:
            ids = greedy(emitted)
            found = [(log_likelihood(emitted, ids), ids)]
        texts.append([(model.text(ids), score) for score, ids in found])
    return texts


def greedy(log_probs: np.ndarray) -> list[int]:
    """The text of the most probable alignment (T, V): equal neighbours are one, blanks none."""
    best = log_probs.argmax(axis=1)
    changes = np.concatenate([[True], best[1:] != best[:-1]])
    return [int(token) for token in best[changes & (best != BLANK)]]


def log_likelihood(log_probs: np.ndarray, ids: Sequence[int]) -> float:
    """Of a text (Graves et al. 2006, eq. 5 - 8), summed over its alignments to the steps (T, V)."""
    path = np.full(2 * len(ids) + 1, BLANK)  # a blank before, between and behind the tokens
    path[1::2] = ids
    jumps = np.full(len(path), -np.inf)  # over a blank, where the tokens beside it differ
    jumps[2:][(path[2:] != BLANK) & (path[2:] != path[:-2])] = 0.0
    jumps[1:2] = 0.0  # over the first blank
    nowhere = np.full(2, -np.inf)
    ends = np.concatenate([nowhere, np.full(len(path), -np.inf)])
    ends[1] = 0.0  # before the path
    for emitted in log_probs:
        through = np.logaddexp(np.logaddexp(ends[2:], ends[1:-1]), ends[:-2] + jumps)
        ends = np.concatenate([nowhere, through + emitted[path]])
    return float(np.logaddexp(*ends[-2:]))


def prefix_search(log_probs: np.ndarray, num_beams: int, banned: Sequence[int]) -> Found:
    """The texts with the largest probabilities, summed over their alignments; see `rnnlab.nn.ctc`.

    Args:
        log_probs: Of each step's tokens (T, V).
        num_beams: Prefixes kept.
        banned: Tokens never emitted.
    """
    log_probs = log_probs.copy()
    log_probs[:, list(banned)] = -np.inf
    nothing = -np.inf
    # of each prefix: ending in a blank, ending in its last token
    kept: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, nothing)}
    for emitted in log_probs:
        # more tokens than beams cannot all be among the best of one prefix
        tokens = [int(t) for t in np.argsort(-emitted, kind="stable") if t != BLANK]
        tokens = [t for t in tokens if emitted[t] > nothing][: num_beams + 1]
        grown: dict[tuple[int, ...], tuple[float, float]] = {}
        for prefix, (in_blank, in_token) in kept.items():
            total = np.logaddexp(in_blank, in_token)
            again = in_token + emitted[prefix[-1]] if prefix else nothing
            _add(grown, prefix, total + emitted[BLANK], again)
            followers = {*tokens, *(p[-1] for p in kept if p and p[:-1] == prefix)}
            for token in followers:
                same = bool(prefix) and token == prefix[-1]
                before = in_blank if same else total
                _add(grown, (*prefix, token), nothing, before + emitted[token])
        order = sorted(grown.items(), key=lambda item: -np.logaddexp(*item[1]))
        kept = dict(order[:num_beams])
    found = [(float(np.logaddexp(*ends)), list(prefix)) for prefix, ends in kept.items()]
    return sorted((each for each in found if each[0] > -np.inf), key=lambda each: -each[0])


def _add(
    to: dict[tuple[int, ...], tuple[float, float]],
    prefix: tuple[int, ...],
    in_blank: float,
    in_token: float,
) -> None:
    blank, token = to.get(prefix, (-np.inf, -np.inf))
    to[prefix] = float(np.logaddexp(blank, in_blank)), float(np.logaddexp(token, in_token))
