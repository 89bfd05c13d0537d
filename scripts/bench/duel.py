"""A training run through rnnlab, and plain programs that train in turns with it."""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import Callback, LightningModule, Trainer

from baselines.loop import Example, Loop
from rnnlab.config.compose import compose_words
from rnnlab.data.base import SequenceData
from rnnlab.data.examples import Examples
from rnnlab.data.ragged import Ragged
from rnnlab.errors import Interrupted
from rnnlab.runs.train import run
from rnnlab.training.module import SequenceModule

MINE = "rnnlab"
"""The Trainer's own name among the variants."""


class Duel(Callback):
    """Every few steps it stops the Trainer's clock and lets the others train on the same examples.

    The clock of rnnlab runs from the end of one break to the start of the next: fetching batches,
    all other callbacks, logging and checkpoints are within. The breaks are hidden from callbacks
    that have a clock. A baseline's runs while it makes batches of its own of the examples of
    rnnlab's round and trains on them. Validation is within no clock.

    oneDNN makes a kernel for every new shape of an LSTM's batch. So that nobody pays for what
    others use, the round's batches are run without learning before the clocks: by rnnlab's model,
    and by those baselines that run on such kernels.

    After the last round, and as many steps more as are wanted, the run is interrupted.

    Args:
        rivals: Makes the baselines when data and model are there.
        steps: Batches in a round.
        rounds: Rounds that count; one more, the first, does not.
        budget: Seconds after which the run ends, whatever `rounds` says; one round counts always.
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
        budget: float = float("inf"),
        further: int = 0,
    ) -> None:
        self.steps = steps
        self.rounds = rounds
        self.budget = budget
        self.further = further
        self.seconds: dict[str, list[float]] = {}
        self.tokens: list[int] = []
        self.parameters: dict[str, int] = {}
        self.module: SequenceModule
        self.data: SequenceData
        self._make = rivals
        self._rivals: Mapping[str, Loop] = {}
        self._round = 0
        self._since = 0.0
        self._skipped = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Make the baselines."""
        assert isinstance(pl_module, SequenceModule)
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        self.module, self.data = pl_module, data
        self._rivals = self._make(self.module, self.data)
        mine = sum(p.numel() for p in pl_module.parameters())
        self.parameters = {MINE: mine} | {n: loop.parameters for n, loop in self._rivals.items()}
        self.seconds = {name: [] for name in self.parameters}
        for callback in trainer.callbacks:  # type: ignore[attr-defined]
            if hasattr(callback, "clock"):
                callback.clock = self._clock
        self._ends = time.perf_counter() + self.budget

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Cut the epoch into rounds."""
        loader: Any = trainer.train_dataloader
        self._examples: Examples = loader.data
        self._batches: list[np.ndarray] = loader.plan()
        if len(self._batches) < self.steps:
            raise ValueError(f"{len(self._batches)} batches are too few for {self.steps} steps")
        self._begin(0)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """After a round's last batch the others train."""
        done = batch_idx + 1
        if self._ended:
            self.further -= 1
        elif done % self.steps == 0:
            self._finish(done)
            self._begin(done)
        if self._ended and self.further <= 0:
            raise Interrupted

    @property
    def _ended(self) -> bool:
        """Whether all rounds are made: at least one counts."""
        late = time.perf_counter() > self._ends
        return self._round > self.rounds or (self._round > 1 and late)

    def _clock(self) -> float:
        return time.perf_counter() - self._skipped

    def _finish(self, done: int) -> None:
        now = time.perf_counter()
        spent = {MINE: now - self._since}
        rows = np.concatenate(self._batches[done - self.steps : done])
        examples = pairs(self._examples, rows)
        turns = list(self._rivals.items())
        for name, loop in turns if self._round % 2 else reversed(turns):
            before = time.perf_counter()
            loop.train(examples)
            spent[name] = time.perf_counter() - before
        if self._round:  # the first is to get warm
            for name, seconds in spent.items():
                self.seconds[name].append(seconds)
            self.tokens.append(int(self._examples.lengths[rows].sum()))
        self._round += 1
        self._skipped += time.perf_counter() - now

    def _begin(self, done: int) -> None:
        before = time.perf_counter()
        batches = self._batches[done : done + self.steps]
        if len(batches) == self.steps and not self._ended:
            examples = pairs(self._examples, np.concatenate(batches))
            for name, loop in self._rivals.items():
                if name != "tutorial":  # packed sequences never run on such kernels
                    loop.rehearse(examples)
            for rows in batches:
                batch = self._examples.batch(rows)
                self.module.task.loss(self.module(batch), batch).backward()
            self.module.zero_grad()
        self._since = time.perf_counter()
        self._skipped += self._since - before


def hold(words: Sequence[str], duel: Duel, folder: Path) -> None:
    """Train as `rnnlab train` does, with the duel, on the CPU.

    Args:
        words: Overrides.
        duel: What interrupts the run.
        folder: A new one, for the run and for what it prints.
    """
    composed = compose_words("train", [*words, "trainer=cpu"])
    folder.mkdir(parents=True)
    with (
        (folder / "progress.log").open("w", encoding="utf-8") as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):
        run(composed.cfg, composed.choices, folder, callbacks=[duel])


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
