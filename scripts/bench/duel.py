"""A training run through rnnlab, and plain programs that train in turns with it."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer

from baselines.loop import Example, Loop
from rnnlab.data.base import SequenceData
from rnnlab.data.loader import Examples
from rnnlab.data.ragged import Ragged
from rnnlab.errors import Interrupted
from rnnlab.training.module import SequenceModule

MINE = "rnnlab"
"""The Trainer's own name among the variants."""


class Duel(Callback):
    """Every few steps it stops the Trainer's clock and lets the others train on the same examples.

    The clock of rnnlab runs from the end of one break to the start of the next: fetching batches,
    all other callbacks, logging and checkpoints are within. A baseline's runs while it makes
    batches of its own of the examples of rnnlab's round and trains on them.

    oneDNN makes a kernel for every new shape of an LSTM's batch. So that nobody pays for what
    others use, the round's batches are run without learning before the clocks: by rnnlab's model,
    and by those baselines that run on such kernels.

    After the last round, and as many steps more as are wanted, the run is interrupted; there is no
    validation, which is no training.

    Args:
        rivals: Makes the baselines when data and model are there.
        steps: Batches in a round.
        rounds: Rounds that count; one more, the first, does not.
        further: Steps of rnnlab's model alone, afterwards.

    Attributes:
        seconds: Of each variant, a value a round.
        tokens: Real source tokens of each round, the same for all variants.
        parameters: Of each variant.
        module: The model, trained as far as it came.
        data: Its data.
    """

    def __init__(
        self,
        rivals: Callable[[SequenceModule, SequenceData], Mapping[str, Loop]],
        *,
        steps: int,
        rounds: int,
        further: int = 0,
    ) -> None:
        self.further = further
        self.steps = steps
        self.rounds = rounds
        self.seconds: dict[str, list[float]] = {}
        self.tokens: list[int] = []
        self.parameters: dict[str, int] = {}
        self.module: SequenceModule
        self.data: SequenceData
        self._make = rivals
        self._rivals: Mapping[str, Loop] = {}
        self._slices: list[np.ndarray] = []
        self._round = 0
        self._since = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Make the baselines; cut the epoch into rounds."""
        assert isinstance(pl_module, SequenceModule)
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        self.module, self.data = pl_module, data
        self._rivals = self._make(self.module, self.data)
        mine = sum(p.numel() for p in pl_module.parameters())
        self.parameters = {MINE: mine} | {n: loop.parameters for n, loop in self._rivals.items()}
        self.seconds = {name: [] for name in self.parameters}
        loader: Any = trainer.train_dataloader
        self._examples: Examples = loader.examples
        batches: list[np.ndarray] = loader.sampler.batches()
        self._last = (self.rounds + 1) * self.steps + self.further
        if len(batches) < self._last:
            raise ValueError(f"{len(batches)} batches are too few for {self._last} steps")
        for first in range(0, (self.rounds + 1) * self.steps, self.steps):
            self._slices.append(np.concatenate(batches[first : first + self.steps]))
        self._batches = batches
        self._begin()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """After a round's last batch the others train."""
        if self._round <= self.rounds and (batch_idx + 1) % self.steps == 0:
            self._finish()
        if batch_idx + 1 == self._last:
            raise Interrupted

    def _finish(self) -> None:
        spent = {MINE: time.perf_counter() - self._since}
        examples = pairs(self._examples, self._slices[self._round])
        turns = list(self._rivals.items())
        for name, loop in turns if self._round % 2 else reversed(turns):
            before = time.perf_counter()
            loop.train(examples)
            spent[name] = time.perf_counter() - before
        if self._round:  # the first is to get warm
            for name, seconds in spent.items():
                self.seconds[name].append(seconds)
            rows = self._slices[self._round]
            self.tokens.append(int(self._examples.lengths[rows].sum()))
        self._round += 1
        if self._round <= self.rounds:
            self._begin()

    def _begin(self) -> None:
        examples = pairs(self._examples, self._slices[self._round])
        for name, loop in self._rivals.items():
            if name != "tutorial":  # packed sequences never run on such kernels
                loop.rehearse(examples)
        first = self._round * self.steps
        for rows in self._batches[first : first + self.steps]:
            batch = self._examples.batch(rows)
            self.module.task.loss(self.module(batch), batch).backward()
        self.module.zero_grad()
        self._since = time.perf_counter()


def pairs(examples: Examples, rows: Sequence[int] | np.ndarray) -> list[Example]:
    """Examples as single tensors, as plain programs hold them."""
    found = []
    for row in rows:
        inputs, target = examples.inputs, examples.target
        assert isinstance(inputs, Ragged)
        value = target[int(row)]
        found.append(
            (
                torch.from_numpy(inputs[int(row)].astype(np.int64)),
                torch.as_tensor(value.astype(np.int64)),
            )
        )
    return found
