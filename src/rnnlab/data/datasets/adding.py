"""The adding problem: the sum of two marked numbers out of many."""

from math import inf

import numpy as np

from rnnlab.data.generated_data import MemoryData
from rnnlab.data.spec import Spec


class Adding(MemoryData):
    """Random numbers, two of them marked; the target is the sum of these two. T = 2 lag.

    With `lag` 5:

    ```
    step       0   1   2   3   4 | 5   6   7   8   9
    value     .31 .74 .08 .55 .91|.26 .63 .17 .82 .40   uniform in [0, 1), independent
    marker     0   1   0   0   0 | 0   0   0   1   0    1 twice: once in either half, uniform
    target                                         1.56 = .74 + .82, after the last step
    ```

    The first marked value has to be kept for `lag` to 2 lag - 1 steps, as a number and not as a
    symbol (Hochreiter and Schmidhuber, 1997, Long Short-Term Memory, experiment 4; one mark in
    either half as in Arjovsky, Shah and Bengio, 2016, Unitary Evolution Recurrent Neural Networks,
    whose "length T" is twice this lag). Always saying 1, the mean, gives a mean squared error of
    1/6 = 0.1667, the variance of the sum: a network that does not fall below it has learned
    nothing.
    """

    kind = "values"
    goal = ("mse", 0.01)
    chance = 1 / 6  # mean squared error of always saying 1: the variance of the sum
    bits = inf  # real numbers: no two sequences are equal

    @property
    def steps(self) -> int:
        """Length T of every sequence: 2 lag."""
        return 2 * self.lag

    def spec(self) -> Spec:
        """Two features in (value, marker), one number out."""
        return Spec(source=2, target=1, kind=self.kind)

    def draw(self, rng: np.random.Generator, size: int) -> tuple[np.ndarray, np.ndarray]:
        """Values and markers (N, T, 2) float32 and sums (N, 1) float32."""
        inputs = np.zeros((size, self.steps, 2), dtype=np.float32)
        inputs[:, :, 0] = rng.random((size, self.steps), dtype=np.float32)
        rows = np.arange(size)
        first = rng.integers(self.lag, size=size)
        second = rng.integers(self.lag, self.steps, size=size)
        inputs[rows, first, 1] = inputs[rows, second, 1] = 1
        target = inputs[rows, first, 0] + inputs[rows, second, 0]
        return inputs, target[:, None]
