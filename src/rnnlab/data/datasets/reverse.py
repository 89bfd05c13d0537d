"""The reversal problem: write a string backwards, through an encoder and a decoder."""

from math import log2
from typing import ClassVar

import numpy as np

from rnnlab.data.base import at_least
from rnnlab.data.loader import Examples
from rnnlab.data.memory import MemoryData, alphabet
from rnnlab.data.ragged import Ragged
from rnnlab.data.spec import Kind, Spec, Split
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import END, PAD, START, UNK, Vocab
from rnnlab.errors import ConfigError

HOLE = -1
"""Fills the rows of the drawn arrays behind their sequences."""


class Reverse(MemoryData):
    r"""A string of random length; the target is the same string from its end to its start.

    ```
    source   c a f b           symbols a, b, c, ... uniform, independent
    target   <s> b f a c </s>
    ```

    The encoder-decoder's memory task (Sutskever, Vinyals and Le, 2014, arXiv:1409.3215, found that
    the order of the source matters): the first symbol of the source is the last one to be written.
    Without attention all of the string has to pass through one state of fixed size.

    Args:
        shortest: Symbols in the shortest string.
        longest: Symbols in the longest one; every length between is as frequent.
        symbols: Different symbols, 2 to 26.
        train_size: Pairs to train on.
        val_size: Pairs to validate on.
        test_size: Pairs to test on.
        batch_size: Pairs in a batch.
        seed: Decides what is generated, and the order of training batches.

    Raises:
        ConfigError: A number is too small, or too large.
    """

    kind: ClassVar[Kind] = "tokens"
    goal: ClassVar[tuple[str, float]] = ("bleu", 99.0)

    def __init__(
        self,
        *,
        shortest: int = 6,
        longest: int = 20,
        symbols: int = 26,
        train_size: int = 20_000,
        val_size: int = 1_000,
        test_size: int = 1_000,
        batch_size: int = 64,
        seed: int = 1,
    ) -> None:
        super().__init__(
            lag=longest,
            train_size=train_size,
            val_size=val_size,
            test_size=test_size,
            batch_size=batch_size,
            seed=seed,
        )
        at_least("shortest", shortest, 1)
        if longest < shortest:
            raise ConfigError(f"data.longest: {longest} is less than data.shortest, {shortest}")
        self.shortest, self.longest = shortest, longest
        self.symbols = alphabet(symbols)

    @property
    def steps(self) -> int:
        """Length T of the longest source."""
        return self.longest

    @property
    def chance(self) -> float:
        """BLEU of a guess that ignores the source: next to nothing."""
        return 0.0

    @property
    def bits(self) -> float:
        """Binary logarithm of symbols^shortest: the shortest strings run out first."""
        return self.shortest * log2(len(self.symbols))

    def spec(self) -> Spec:
        """Symbols in and out; typed with blanks between."""
        return Spec(
            source=Vocab([PAD, UNK, *self.symbols]),
            target=Vocab([PAD, UNK, START, END, *self.symbols]),
            kind=self.kind,
            source_tokenizer=Tokenizer("space"),
            target_tokenizer=Tokenizer("space"),
        )

    def draw(self, rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Sources (N, longest) and targets (N, longest + 2), int32, `HOLE` behind them."""
        lengths = rng.integers(self.shortest, self.longest + 1, size=size)[:, None]
        string = rng.integers(len(self.symbols), size=(size, self.longest))
        step = np.arange(self.longest + 2)
        inside = step[: self.longest] < lengths
        inputs = np.where(inside, string + 2, HOLE).astype(np.int32)
        mirrored = np.clip(lengths - step, 0, self.longest - 1)
        backwards = np.take_along_axis(string, mirrored, axis=1)
        target = np.where(step <= lengths, backwards + 4, HOLE).astype(np.int32)
        target[:, 0] = 2
        np.put_along_axis(target, lengths + 1, 3, axis=1)
        return inputs, target

    def examples(self, split: Split) -> Examples:
        """One split: always the same for the same options."""
        if split not in self._made:
            inputs, target = self._distinct(split)
            names = np.array(self.spec().target.tokens)  # type: ignore[union-attr]
            texts = [" ".join(names[row[row > 3]]) for row in target]
            self._made[split] = Examples(_without_holes(inputs), _without_holes(target), texts)
        return self._made[split]


def _without_holes(rows: np.ndarray) -> Ragged:
    real = rows != HOLE
    return Ragged(rows[real], np.concatenate([[0], np.cumsum(real.sum(axis=1))]))
