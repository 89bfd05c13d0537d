"""Delayed recall: name the first token after `lag` distractors."""

from math import log2
from typing import Annotated, ClassVar

import numpy as np
from annotated_types import Ge, Le

from rnnlab.data.generated_data import MemoryData, SymbolData
from rnnlab.data.spec import Kind, Spec
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import PAD, UNK, Vocab


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

    kind: ClassVar[Kind] = "label"
    goal: ClassVar[tuple[str, float]] = ("accuracy", 0.99)

    distractors: Annotated[int, Ge(1), Le(1000)] = 8

    @property
    def steps(self) -> int:
        """Length T of every sequence: lag + 1."""
        return self.lag + 1

    @property
    def chance(self) -> float:
        """Accuracy of a guess: 1 / symbols."""
        return 1 / self.symbols

    @property
    def bits(self) -> float:
        """Binary logarithm of symbols x distractors^lag."""
        return log2(self.symbols) + self.lag * log2(self.distractors)

    def spec(self) -> Spec:
        """Symbols and distractors in, symbols out; typed with blanks between, as in `c 5 0 7`."""
        return Spec(
            source=Vocab([PAD, UNK, *self.alphabet, *map(str, range(self.distractors))]),
            target=Vocab(self.alphabet),
            kind=self.kind,
            source_tokenizer=Tokenizer("space"),
        )

    def draw(self, rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Ids (N, T) int32 and labels (N,) int64."""
        label = rng.integers(self.symbols, size=size)
        noise = rng.integers(self.distractors, size=(size, self.lag))
        inputs = np.column_stack([label + 2, noise + 2 + self.symbols])
        return inputs.astype(np.int32), label
