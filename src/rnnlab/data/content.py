"""What a split holds before it is encoded: for a look at it before training."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np


class Item(NamedTuple):
    """One example as it stands in its file.

    Attributes:
        content: Equal for repeats.
        text: The text; empty where it is none.
        label: Its class, or its target in a few words.
        place: file:line.
    """

    content: str
    text: str
    label: str
    place: str


@dataclass(frozen=True)
class Content:
    """A split.

    Attributes:
        unit: What lengths count.
        lengths: Of each example (N,).
        tokens: How often each token of the inputs occurs; empty where inputs are no text.
        classes: How often each label or tag occurs; empty where targets are something else.
        unknown: The share of each input's tokens that the training vocabulary lacks (N,); empty
            where inputs are no text.
        limit: The model reads so many steps of an input at most; None for all.
        values: Targets that are numbers (N, K); empty where they are something else.
        items: The examples one by one, for the search for repeats and damage; empty where they
            are no examples (the lines of one long text).
    """

    unit: str
    lengths: np.ndarray
    tokens: Mapping[str, int] = field(default_factory=dict)
    classes: Mapping[str, int] = field(default_factory=dict)
    unknown: np.ndarray = field(default_factory=lambda: np.zeros(0))
    limit: int | None = None
    values: np.ndarray = field(default_factory=lambda: np.zeros((0, 1)))
    items: Iterable[Item] = ()
