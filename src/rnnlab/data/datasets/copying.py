"""The copying problem: repeat a string after `lag` blanks."""

from math import log2

import numpy as np

from rnnlab.config.types import PositiveInt
from rnnlab.data.batch import IGNORE
from rnnlab.data.generated_data import MemoryData, SymbolData
from rnnlab.data.spec import Spec

BLANK, DELIMITER = "_", ":"


class Copying(MemoryData, SymbolData):
    r"""A string, blanks, a delimiter, then the string is to be repeated. T = 2 length + lag + 1.

    With `length` 3 and `lag` 5:

    ```
    step     0 1 2 3 4 5 6 7 8 9 10 11
    input    c a f _ _ _ _ _ : _ _  _    symbols a, b, c, ... uniform, independent
                   \_ lag _/
    target   . . . . . . . . . c a  f    no target (`.`) but on the last `length` steps
    ```

    Every symbol has to be kept for lag + length + 1 steps, all of them at once and in order
    (Hochreiter and Schmidhuber, 1997, Long Short-Term Memory; in this form with the delimiter in
    Arjovsky, Shah and Bengio, 2016, Unitary Evolution Recurrent Neural Networks, who also count
    the trivial blanks as targets, which hides the chance level: here a guess has the accuracy
    1 / symbols and the cross entropy log(symbols)).

    Args:
        length: Symbols in the string.
    """

    kind = "tags"
    goal = ("accuracy", 0.99)

    length: PositiveInt = 10

    @property
    def steps(self) -> int:
        """Length T of every sequence: 2 length + lag + 1."""
        return 2 * self.length + self.lag + 1

    @property
    def bits(self) -> float:
        """Binary logarithm of symbols^length."""
        return self.length * log2(self.symbols)

    def spec(self) -> Spec:
        """Symbols, blank and delimiter in, symbols out; typed with blanks between."""
        return self.symbol_spec([BLANK, DELIMITER, *self.alphabet], self.alphabet)

    def draw(self, rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Ids (N, T) int32 and tags (N, T) int32, `IGNORE` before the recall steps."""
        string = rng.integers(self.symbols, size=(size, self.length))
        inputs = np.full((size, self.steps), 2, dtype=np.int32)
        inputs[:, : self.length] = string + 4
        inputs[:, self.length + self.lag] = 3
        target = np.full((size, self.steps), IGNORE, dtype=np.int32)
        target[:, -self.length :] = string
        return inputs, target
