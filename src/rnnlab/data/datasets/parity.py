"""Parity: is the number of ones even or odd?"""

import numpy as np

from rnnlab.data.generated_data import MemoryData
from rnnlab.data.spec import Spec


class Parity(MemoryData):
    """Random bits; the label says whether their sum is even or odd. T = lag + 1.

    ```
    step     0  1  2  3  4  5       lag
    input    1  0  0  1  1  0  ...  1      uniform, independent
    sum      1  1  1  0  1  1  ...  odd    one bit of state, flipped by every 1
    label                           odd    read after the last step, `lag` after the first bit
    ```

    One bit is to be kept, and every step decides whether it flips: no part of a sequence tells
    anything about the label, so that there is no gradient towards half a solution, and a gate that
    can only keep does not help. A guess is right every other time.
    """

    kind = "label"
    goal = ("accuracy", 0.99)
    chance = 1 / 2  # accuracy of a guess

    @property
    def bits(self) -> float:
        """T: a bit a step."""
        return float(self.steps)

    def spec(self) -> Spec:
        """Bits in, `even` or `odd` out; typed with blanks between, as in `1 0 0 1`."""
        return self.symbol_spec(["0", "1"], ["even", "odd"])

    def draw(self, rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Ids (N, T) int32 and labels (N,) int64."""
        bit = rng.integers(2, size=(size, self.steps))
        return (bit + 2).astype(np.int32), bit.sum(axis=1) % 2
