"""Delayed recall: name the first token after `lag` distractors."""

from math import log2
from typing import ClassVar

import numpy as np

from rnnlab.data.base import at_least
from rnnlab.data.memory import MemoryData, alphabet
from rnnlab.data.spec import Kind, Spec
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import PAD, UNK, Vocab


class DelayedRecall(MemoryData):
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
        lag: Distractors in a sequence, which is the number of steps to remember for.
        symbols: Different symbols, 2 to 26.
        distractors: Different distractors.
        train_size: Sequences to train on.
        val_size: Sequences to validate on.
        test_size: Sequences to test on.
        batch_size: Sequences in a batch.
        seed: Decides what is generated, and the order of training batches.

    Raises:
        ConfigError: A number is too small, or too large.
    """

    kind: ClassVar[Kind] = "label"
    goal: ClassVar[tuple[str, float]] = ("accuracy", 0.99)

    def __init__(
        self,
        *,
        lag: int = 50,
        symbols: int = 8,
        distractors: int = 8,
        train_size: int = 20_000,
        val_size: int = 1_000,
        test_size: int = 1_000,
        batch_size: int = 64,
        seed: int = 1,
    ) -> None:
        super().__init__(
            lag=lag,
            train_size=train_size,
            val_size=val_size,
            test_size=test_size,
            batch_size=batch_size,
            seed=seed,
        )
        self.symbols = alphabet(symbols)
        at_least("distractors", distractors, 1)
        self.distractors = [str(i) for i in range(distractors)]

    @property
    def steps(self) -> int:
        """Length T of every sequence: lag + 1."""
        return self.lag + 1

    @property
    def chance(self) -> float:
        """Accuracy of a guess: 1 / symbols."""
        return 1 / len(self.symbols)

    @property
    def bits(self) -> float:
        """Binary logarithm of symbols x distractors^lag."""
        return log2(len(self.symbols)) + self.lag * log2(len(self.distractors))

    def spec(self) -> Spec:
        """Symbols and distractors in, symbols out; typed with blanks between, as in `c 5 0 7`."""
        return Spec(
            source=Vocab([PAD, UNK, *self.symbols, *self.distractors]),
            target=Vocab(self.symbols),
            kind=self.kind,
            source_tokenizer=Tokenizer("space"),
        )

    def draw(self, rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Ids (N, T) int32 and labels (N,) int64."""
        label = rng.integers(len(self.symbols), size=size)
        noise = rng.integers(len(self.distractors), size=(size, self.lag))
        inputs = np.column_stack([label + 2, noise + 2 + len(self.symbols)])
        return inputs.astype(np.int32), label
