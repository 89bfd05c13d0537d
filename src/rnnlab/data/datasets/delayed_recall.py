"""Delayed recall: name the first token after `lag` distractors."""

from math import log2
from typing import Annotated

import numpy as np
from annotated_types import Ge, Le

from rnnlab.data.generated_data import MemoryData, SymbolData
from rnnlab.data.spec import Spec


class DelayedRecall(MemoryData, SymbolData):
    r"""One symbol, then distractors; the label is the symbol. T = lag + 1.

    ```
    step     0   1   2   3   4       lag
    input    c   5   0   7   2  ...  3      first one of the symbols a, b, c, ...
                 \______ distractors ____/  0, 1, 2, ... uniform, independent
    label                            c      read after the last step, `lag` steps later
    ```

    The purest test of memory: nothing to compute, one thing to keep, and noise that overwrites it.
    A guess is right once in `symbols` times.

    Args:
        distractors: Different distractors.
    """

    kind = "label"
    goal = ("accuracy", 0.99)

    distractors: Annotated[int, Ge(1), Le(1000)] = 8

    @property
    def bits(self) -> float:
        """Binary logarithm of symbols x distractors^lag."""
        return log2(self.symbols) + self.lag * log2(self.distractors)

    def spec(self) -> Spec:
        """Symbols and distractors in, symbols out; typed with blanks between, as in `c 5 0 7`."""
        inputs = [*self.alphabet, *map(str, range(self.distractors))]
        return self.symbol_spec(inputs, self.alphabet)

    def draw(self, rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Ids (N, T) int32 and labels (N,) int64."""
        label = rng.integers(self.symbols, size=size)
        noise = rng.integers(self.distractors, size=(size, self.lag))
        inputs = np.column_stack([label + 2, noise + 2 + self.symbols])
        return inputs.astype(np.int32), label
