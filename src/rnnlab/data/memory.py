"""Generated tasks that ask for one thing: to remember for a known number of steps."""

from abc import abstractmethod
from typing import ClassVar, get_args

import numpy as np

from rnnlab.data.base import SequenceData, at_least
from rnnlab.data.loader import Examples
from rnnlab.data.ragged import Ragged
from rnnlab.data.spec import Spec, Split
from rnnlab.errors import ConfigError, DataError

ROOM = 4
"""Splits are kept apart where there are this many times more sequences than they hold."""

LETTERS = "abcdefghijklmnopqrstuvwxyz"
"""Names of the symbols that are to be remembered."""


class MemoryData(SequenceData):
    """Base of the generated tasks; needs no file.

    Every split is drawn from a random stream of its own (same seed, another spawn key), so that
    the size of one changes nothing in another. No validation sequence stands in the test split
    and no training sequence in either, as long as there are `ROOM` times more sequences than are
    asked for (at a very short lag there may be only a handful: then the splits must share them).

    Args:
        lag: Steps between the (last) thing to remember and the step that asks for it; a subclass
            says how the length of its sequences follows.
        train_size: Sequences to train on.
        val_size: Sequences to validate on.
        test_size: Sequences to test on.
        batch_size: Sequences in a batch.
        seed: Decides what is generated, and the order of training batches.

    Attributes:
        goal: The metric of the task that measures success, and the value from which on (accuracy:
            or above, mse: or below) the task counts as solved.

    Raises:
        ConfigError: A number is too small.
    """

    goal: ClassVar[tuple[str, float]]

    def __init__(
        self,
        *,
        lag: int,
        train_size: int,
        val_size: int,
        test_size: int,
        batch_size: int,
        seed: int,
    ) -> None:
        super().__init__(batch_size=batch_size, seed=seed)
        at_least("lag", lag, 1)
        self.lag = lag
        self.sizes: dict[Split, int] = {"train": train_size, "val": val_size, "test": test_size}
        for split, size in self.sizes.items():
            at_least(f"{split}_size", size, 1)
        self._made: dict[Split, Examples] = {}

    @property
    @abstractmethod
    def steps(self) -> int:
        """Length T of every sequence."""

    @property
    @abstractmethod
    def chance(self) -> float:
        """What the best guess that ignores the inputs reaches in the metric of `goal`."""

    @property
    @abstractmethod
    def bits(self) -> float:
        """Binary logarithm of the number of different input sequences."""

    @abstractmethod
    def draw(self, rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
        """`size` random inputs, (N, T) int32 or (N, T, F) float32, and their targets.

        Targets are labels (N,) int64, values (N, K) float32 or tags (N, T) int32.
        """

    def examples(self, split: Split) -> Examples:
        """One split: always the same for the same options."""
        if split not in self._made:
            inputs, target = self._distinct(split)
            self._made[split] = Examples(
                inputs if self.kind == "values" else ragged(inputs),
                ragged(target) if self.kind == "tags" else target,
            )
        return self._made[split]

    def reuse(self, spec: Spec) -> None:
        """Check that a trained model reads this data; the lag may be another.

        Raises:
            DataError: Its vocabulary is another.
        """
        if spec != self.spec():
            raise DataError(
                f"{type(self).__name__}: the model was trained with another vocabulary; "
                "set the data options to those of its run (lag, sizes and seed are free)"
            )

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


def ragged(rows: np.ndarray) -> Ragged:
    """Sequences of one length, (N, T), as a `Ragged`."""
    return Ragged(rows.reshape(-1), np.arange(len(rows) + 1, dtype=np.int64) * rows.shape[1])


def alphabet(symbols: int) -> list[str]:
    """Names of a number of symbols.

    Raises:
        ConfigError: There are not 2 to 26.
    """
    if not 2 <= symbols <= len(LETTERS):
        raise ConfigError(f"data.symbols: {symbols} is not between 2 and {len(LETTERS)}")
    return list(LETTERS[:symbols])
