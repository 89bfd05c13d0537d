"""Answers of tagging: the best tags of a text, as a whole."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnlab.commands.export.runtime.inputs import Feeds
from rnnlab.data.tag_schemes import valid_iob2

if TYPE_CHECKING:
    from rnnlab.commands.export.runtime.model import ExportedModel


def answers(model: "ExportedModel", feeds: Feeds, items: Sequence[Any]) -> list[str]:
    """`token tag`, one a line, each with its end."""
    scores, lengths = model.run("model", feeds)["scores"], feeds["lengths"]
    decoding = model.decoding
    answers = []
    for row, length, tokens in zip(scores, lengths, items, strict=True):
        tags = [decoding["tags"][tag] for tag in best_path(row[:length], decoding)]
        tags = valid_iob2(tags) if decoding["entities"] else tags
        pairs = zip_longest(tokens, tags, fillvalue="O")
        answers.append("".join(f"{token} {tag}\n" for token, tag in pairs))
    return answers


def best_path(scores: np.ndarray, decoding: dict[str, Any]) -> list[int]:
    """The tags with the largest sum of scores and potentials that the rules allow (Viterbi).

    Where they allow none of this length they do not apply.

    Args:
        scores: Of each step's tags (T, K), float32.
        decoding: `potentials` and `allowed`, each with `start` (K,), `pairs` (K, K) and `end` (K,),
            or None.
    """
    count = scores.shape[1]
    shapes = {"start": (count,), "pairs": (count, count), "end": (count,)}
    free = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    for name, values in (decoding["potentials"] or {}).items():
        free[name] = np.array(values, np.float32)
    allowed = decoding["allowed"]
    if allowed is not None:
        ruled = {n: np.where(allowed[n], part, -np.inf) for n, part in free.items()}
        path, score = _viterbi(scores, ruled)
        if score > -np.inf:
            return path
    return _viterbi(scores, free)[0]


def _viterbi(scores: np.ndarray, potentials: dict[str, np.ndarray]) -> tuple[list[int], float]:
    """The best path and its score."""
    best = scores[0] + potentials["start"]
    back = []
    for step in scores[1:]:
        through = best[:, None] + potentials["pairs"]
        back.append(through.argmax(axis=0))
        best = through.max(axis=0) + step
    best = best + potentials["end"]
    path = [int(best.argmax())]
    for pointers in reversed(back):
        path.append(int(pointers[path[-1]]))
    return path[::-1], float(best.max())
