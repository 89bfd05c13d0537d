"""Generated tasks that ask for one thing: to remember for a known number of steps."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Annotated, ClassVar, get_args

import numpy as np
from annotated_types import Ge, Le

from rnnlab.config.types import PositiveInt
from rnnlab.data.base import SequenceData
from rnnlab.data.examples import Examples
from rnnlab.data.ragged import Ragged
from rnnlab.data.spec import Spec, Split
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import PAD, UNK, Vocab

ROOM = 4
"""Splits are kept apart where there are this many times more sequences than they hold."""

LETTERS = "abcdefghijklmnopqrstuvwxyz"
"""Names of the symbols to remember."""


class GeneratedData(SequenceData):
    """Sequences drawn at random; needs no file.

    Every split is drawn from a random stream of its own (same seed, another spawn key), so that
    the size of one changes nothing in another. No validation sequence stands in the test split
    and no training sequence in either, as long as there are `ROOM` times more sequences than are
    asked for (at a very short lag there may be only a handful: then the splits must share them).

    Args:
        train_size: Sequences to train on.
        val_size: Sequences to validate on.
        test_size: Sequences to test on.

    Attributes:
        goal: The metric of the task that measures success, and the value from which on (accuracy:
            or above, mse: or below) the task counts as solved.
    """

    goal: ClassVar[tuple[str, float]]

    batch_size: PositiveInt | None = 64
    seed: int = 1
    train_size: PositiveInt = 20_000
    val_size: PositiveInt = 1_000
    test_size: PositiveInt = 1_000

    @property
    def sizes(self) -> dict[Split, int]:
        """Sequences of each split."""
        return {"train": self.train_size, "val": self.val_size, "test": self.test_size}

    @property
    @abstractmethod
    def steps(self) -> int:
        """Length T of the longest input sequence."""

    @property
    @abstractmethod
    def chance(self) -> float:
        """What the best guess that ignores the inputs reaches in the metric of `goal`."""

    @property
    @abstractmethod
    def bits(self) -> float:
        """Binary logarithm of the number of different input sequences."""

    def symbol_spec(self, inputs: Sequence[str], outputs: Sequence[str]) -> Spec:
        """The spec of symbols in and labels or tags out; typed with blanks between, as `a b c`."""
        source, target = Vocab([PAD, UNK, *inputs]), Vocab(outputs)
        return Spec(source, target, self.kind, source_tokenizer=Tokenizer("space"))

    @abstractmethod
    def draw(self, rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
        """`size` random inputs, (N, T) int32 or (N, T, F) float32, and their targets.

        Targets are labels (N,) int64, values (N, K) float32 or tags (N, T) int32.
        """

    def pack(self, inputs: np.ndarray, target: np.ndarray) -> Examples:
        """Examples of drawn inputs and targets."""
        return Examples(
            Ragged.from_rows(inputs) if inputs.ndim == 2 else inputs,
            Ragged.from_rows(target) if self.kind == "tags" else target,
        )

    def examples(self, split: Split) -> Examples:
        """One split: always the same for the same options."""
        return self.pack(*self._distinct(split))

    def _distinct(self, split: Split) -> tuple[np.ndarray, np.ndarray]:
        """A split without the sequences of the splits that come after it."""
        order = get_args(Split)
        key = order.index(split)
        rng = np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(key,)))
        inputs, target = self.draw(rng, self.sizes[split])
        if self.bits < np.log2(ROOM * sum(self.sizes.values())):
            return inputs, target
        taken = {row.tobytes() for later in order[key + 1 :] for row in self._distinct(later)[0]}
        clash = [i for i, row in enumerate(inputs) if row.tobytes() in taken]
        while clash:  # each draw succeeds with a probability of at least 1 - 1 / ROOM
            inputs[clash], target[clash] = self.draw(rng, len(clash))
            clash = [i for i in clash if inputs[i].tobytes() in taken]
        return inputs, target


class MemoryData(GeneratedData):
    """Sequences that ask for something after a number of steps.

    Args:
        lag: Steps to remember for; the class says how the length of a sequence follows.
    """

    lag: PositiveInt = 50

    @property
    def steps(self) -> int:
        """Length T of every sequence: lag + 1."""
        return self.lag + 1


class SymbolData(GeneratedData):
    """Sequences of symbols a, b, c ...

    Args:
        symbols: Different symbols.
    """

    symbols: Annotated[int, Ge(2), Le(len(LETTERS))] = 8

    @property
    def chance(self) -> float:
        """Accuracy of a guess: 1 / symbols."""
        return 1 / self.symbols

    @property
    def alphabet(self) -> list[str]:
        """Names of the symbols."""
        return list(LETTERS[: self.symbols])
