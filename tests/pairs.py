"""Fewer combinations with the same power: each value of an axis meets each value of another."""

from collections.abc import Callable, Sequence
from itertools import combinations, product
from typing import Any


def pairs(*axes: Sequence[Any], allowed: Callable[..., bool] = lambda *_: True) -> list[tuple]:
    """Some rows of the product of axes; they hold every pair of values that any row holds.

    Always the same rows; the larger two axes decide how many at the least.
    """
    rows = [
        tuple(enumerate(places))
        for places in product(*(range(len(axis)) for axis in axes))
        if allowed(*(axis[place] for axis, place in zip(axes, places, strict=True)))
    ]
    missing = {pair for row in rows for pair in combinations(row, 2)}
    chosen = []
    while missing:
        best = max(rows, key=lambda row: sum(pair in missing for pair in combinations(row, 2)))
        missing -= set(combinations(best, 2))
        chosen.append(tuple(axes[axis][place] for axis, place in best))
    return chosen
