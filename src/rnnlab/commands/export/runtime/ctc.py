"""Answers of connectionist temporal classification: the text that the steps' tokens stand for."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnlab.commands.export.runtime.inputs import Feeds

if TYPE_CHECKING:
    from rnnlab.commands.export.runtime.model import ExportedModel

BLANK = 0


def answers(model: "ExportedModel", feeds: Feeds, items: Sequence[Any]) -> list[str]:
    """The text of each: of the most probable alignment, or with beams of all alignments."""
    found = model.run("model", feeds)
    decoding = model.decoding
    texts = []
    for row, steps in zip(found["log_probs"], found["steps"], strict=True):
        beams = decoding["num_beams"]
        banned = [decoding["start"], decoding["end"]]
        ids = prefix_search(row[:steps], beams, banned) if beams > 1 else greedy(row[:steps])
        texts.append(model.text(ids))
    return texts


def greedy(log_probs: np.ndarray) -> list[int]:
    """The text of the most probable alignment (T, V): equal neighbours are one, blanks none."""
    best = log_probs.argmax(axis=1)
    changes = np.concatenate([[True], best[1:] != best[:-1]])
    return [int(token) for token in best[changes & (best != BLANK)]]


def prefix_search(log_probs: np.ndarray, num_beams: int, banned: Sequence[int]) -> list[int]:
    """The text with the largest probability, summed over its alignments; see `rnnlab.nn.ctc`.

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
    best, _ = max(kept.items(), key=lambda item: np.logaddexp(*item[1]))
    return list(best)


def _add(
    to: dict[tuple[int, ...], tuple[float, float]],
    prefix: tuple[int, ...],
    in_blank: float,
    in_token: float,
) -> None:
    blank, token = to.get(prefix, (-np.inf, -np.inf))
    to[prefix] = float(np.logaddexp(blank, in_blank)), float(np.logaddexp(token, in_token))
