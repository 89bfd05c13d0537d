"""Types of options with their ranges: a signature says them, `rnnlab check` enforces them."""

from dataclasses import dataclass
from typing import Annotated, Final

from annotated_types import Ge, Gt, Le, Lt

PositiveInt = Annotated[int, Ge(1)]
"""At least 1."""

NonNegativeInt = Annotated[int, Ge(0)]
"""At least 0."""

PositiveFloat = Annotated[float, Gt(0)]
"""Above 0."""

NonNegativeFloat = Annotated[float, Ge(0)]
"""At least 0."""

Probability = Annotated[float, Ge(0), Lt(1)]
"""At least 0 and below 1: of a dropout, say."""

Fraction = Annotated[float, Ge(0), Le(1)]
"""From 0 to 1."""

Seed = Annotated[int, Ge(0), Lt(2**32)]
"""What torch, numpy and Python's `random` all take."""


class Learnt:
    """Marks an option that a trained model keeps: `evaluate` and `analyze` cannot change it."""


LEARNT: Final = Learnt()
"""As in `min_freq: Annotated[NonNegativeInt, LEARNT] = 1`."""


@dataclass(frozen=True)
class Group:
    """Marks a node that a folder of `configs/` gives: a component, with its class in `_target_`.

    Attributes:
        role: What the class has to be: the dotted name of its base class.
        beside: Options that stand beside several components, each under a name of its own; None
            where the node is one component.
    """

    role: str
    beside: type | None = None
