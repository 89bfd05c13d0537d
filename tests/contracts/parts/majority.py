"""Majority: are there more ones or more zeros?"""

from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge

from rnnlab.data.generated_data import GeneratedData
from rnnlab.data.spec import Kind, Spec
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import PAD, UNK, Vocab


class Majority(GeneratedData):
    """Random bits; the label says which of them are more. T = 2 half + 1.

    Args:
        half: Bits in half of a sequence.
    """

    kind: ClassVar[Kind] = "label"
    goal: ClassVar[tuple[str, float]] = ("accuracy", 0.99)

    half: Annotated[int, Ge(1)] = 10

    @property
    def steps(self) -> int:
        """Length T of every sequence: odd, so that there is a majority."""
        return 2 * self.half + 1

    @property
    def chance(self) -> float:
        """Accuracy of a guess: 1/2."""
        return 1 / 2

    @property
    def bits(self) -> float:
        """T: a bit a step."""
        return float(self.steps)

    def spec(self) -> Spec:
        """Bits in, `zeros` or `ones` out."""
        return Spec(
            source=Vocab([PAD, UNK, "0", "1"]),
            target=Vocab(["zeros", "ones"]),
            kind=self.kind,
            source_tokenizer=Tokenizer("space"),
        )

    def draw(self, rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Ids (N, T) int32 and labels (N,) int64."""
        bit = rng.integers(2, size=(size, self.steps))
        return (bit + 2).astype(np.int32), (bit.sum(axis=1) > self.half).astype(np.int64)
