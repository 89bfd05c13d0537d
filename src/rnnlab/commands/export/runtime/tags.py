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
    decoding = model.decoding
    paths = best_paths(model.run("model", feeds)["scores"], feeds["lengths"], decoding)
    answers = []
    for path, tokens in zip(paths, items, strict=True):
        tags = [decoding["tags"][tag] for tag in path]
        tags = valid_iob2(tags) if decoding["entities"] else tags
        pairs = zip_longest(tokens, tags, fillvalue="O")
        answers.append("".join(f"{token} {tag}\n" for token, tag in pairs))
    return answers


def best_paths(
    scores: np.ndarray, lengths: np.ndarray, decoding: dict[str, Any]
) -> list[list[int]]:
    """The tags with the largest sum of scores and potentials that the rules allow (Viterbi).

    Where they allow none of this length they do not apply.

    Args:
        scores: Of each step's tags (B, T, K), float32.
        lengths: Real steps of each sequence (B,), at least 1.
        decoding: `potentials` and `allowed`, each with `start` (K,), `pairs` (K, K) and `end` (K,),
            or None.
    """
    count = scores.shape[2]
    shapes = {"start": (count,), "pairs": (count, count), "end": (count,)}
    free = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    for name, values in (decoding["potentials"] or {}).items():
        free[name] = np.array(values, np.float32)
    allowed = decoding["allowed"]
    if allowed is None:
        return _viterbi(scores, lengths, free)[0]
    ruled = {n: np.where(allowed[n], part, -np.inf) for n, part in free.items()}
    paths, best = _viterbi(scores, lengths, ruled)
    for row in np.flatnonzero(best == -np.inf):
        one = slice(row, row + 1)
        (paths[row],) = _viterbi(scores[one], lengths[one], free)[0]
    return paths


def _viterbi(
    scores: np.ndarray, lengths: np.ndarray, potentials: dict[str, np.ndarray]
) -> tuple[list[list[int]], np.ndarray]:
    """The best path of each sequence and its score."""
    best, same = scores[:, 0] + potentials["start"], np.arange(scores.shape[2])
    back = []
    for step in range(1, scores.shape[1]):
        real = (step < lengths)[:, None]  # behind its end a sequence keeps what it has
        through = best[:, :, None] + potentials["pairs"]
        pointers = through.argmax(axis=1)
        back.append(np.where(real, pointers, same))
        best = np.where(real, through.max(axis=1) + scores[:, step], best)
    best = best + potentials["end"]
    rows, path = np.arange(len(best)), [best.argmax(axis=1)]
    for pointers in reversed(back):
        path.append(pointers[rows, path[-1]])
    every = np.stack(path[::-1], axis=1).tolist()
    return [row[:length] for row, length in zip(every, lengths, strict=True)], best.max(axis=1)
