"""The reversal problem: write a string backwards, through an encoder and a decoder."""

from math import log2

import numpy as np

from rnnlab.config.types import PositiveInt
from rnnlab.data.examples import Examples
from rnnlab.data.generated_data import SymbolData
from rnnlab.data.ragged import Ragged
from rnnlab.data.spec import Spec
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import END, PAD, START, UNK, Vocab
from rnnlab.errors import ConfigError

HOLE = -1
"""Fills the rows of the drawn arrays behind their sequences."""


class Reverse(SymbolData):
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
        longest: Symbols in the longest string; every length between is as frequent.

    Raises:
        ConfigError: The longest is shorter than the shortest.
    """

    kind = "tokens"
    goal = ("bleu", 99.0)
    chance = 0.0  # BLEU of a guess that ignores the source: next to nothing

    symbols: int = 26
    shortest: PositiveInt = 6
    longest: PositiveInt = 20

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.longest < self.shortest:
            raise ConfigError(
                f"data.longest: {self.longest} is less than data.shortest, {self.shortest}"
            )

    @property
    def steps(self) -> int:
        """Length T of the longest source."""
        return self.longest

    @property
    def bits(self) -> float:
        """Binary logarithm of symbols^shortest: the shortest strings run out first."""
        return self.shortest * log2(self.symbols)

    def spec(self) -> Spec:
        """Symbols in and out; typed with blanks between."""
        source = Vocab([PAD, UNK, *self.alphabet])
        target = Vocab([PAD, UNK, START, END, *self.alphabet])
        return Spec(source, target, self.kind, Tokenizer("space"), Tokenizer("space"))

    def draw(self, rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Sources (N, longest) and targets (N, longest + 2), int32, `HOLE` behind them."""
        lengths = rng.integers(self.shortest, self.longest + 1, size=size)[:, None]
        string = rng.integers(self.symbols, size=(size, self.longest))
        step = np.arange(self.longest + 2)
        inside = step[: self.longest] < lengths
        inputs = np.where(inside, string + 2, HOLE).astype(np.int32)
        mirrored = np.clip(lengths - step, 0, self.longest - 1)
        backwards = np.take_along_axis(string, mirrored, axis=1)
        target = np.where(step <= lengths, backwards + 4, HOLE).astype(np.int32)
        target[:, 0] = 2
        np.put_along_axis(target, lengths + 1, 3, axis=1)
        return inputs, target

    def pack(self, inputs: np.ndarray, target: np.ndarray) -> Examples:
        """Examples without the holes, with the target strings as texts."""
        names = np.array(self.spec().target_vocab.tokens)
        texts = [" ".join(names[row[row > 3]]) for row in target]
        return Examples(_without_holes(inputs), _without_holes(target), texts)


def _without_holes(rows: np.ndarray) -> Ragged:
    real = rows != HOLE
    return Ragged.from_lengths(rows[real], real.sum(axis=1))
