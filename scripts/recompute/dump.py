"""What a training met: batches and weights, step by step."""

from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path

import torch
from lightning import Callback

from rnnlab.data.batch import Batch
from rnnlab.diagnostics.samples import fair_sample
from rnnlab.errors import Interrupted

Weights = dict[str, torch.Tensor]
KEPT = ("steps", "starts", "validations", "test", "probe")


@dataclass
class Step:
    """One optimiser step: its batches, its learning rate, and the weights on both sides."""

    before: Weights
    carried: dict
    lr: float = 0.0
    batches: list[Batch] = field(default_factory=list)
    after: Weights = field(default_factory=dict)


@dataclass
class Evaluation:
    """A pass over the validation or the test split."""

    weights: Weights
    batches: list[Batch] = field(default_factory=list)


class Dump(Callback):
    """Keeps everything; one process writes one file.

    Attributes:
        steps: By number, from 1; of what a resumed run does again, the second time.
        starts: Steps after which a process began.
        validations: By optimiser steps made.
        test: The last pass over the test split.
        probe: The sequences that `Memory` looks at.
    """

    def __init__(self, stop_at=None):
        self.steps: dict[int, Step] = {}
        self.starts: list[int] = []
        self.validations: dict[int, Evaluation] = {}
        self.test: Evaluation | None = None
        self.probe: Batch | None = None
        self.stop_at = stop_at

    def on_train_start(self, trainer, pl_module):
        """Note that a process begins; take the probe."""
        self.starts.append(trainer.global_step)
        self.probe = fair_sample(trainer.datamodule, 16)

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        """Note the batch, and what was before the step."""
        number = trainer.global_step + 1
        if not self._open(number, trainer):
            self.steps[number] = Step(weights(pl_module), deepcopy(pl_module._tbptt._states))
        self.steps[number].batches.append(batch)

    def _open(self, number, trainer):
        """Whether this process has begun the step already."""
        known = self.steps.get(number)
        return known is not None and not known.after and number > self.starts[-1]

    def on_before_optimizer_step(self, trainer, pl_module, optimizer):
        """Note the learning rate."""
        self.steps[trainer.global_step + 1].lr = optimizer.param_groups[0]["lr"]

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        """Note what the step made; interrupt."""
        step = self.steps.get(trainer.global_step)
        if step is not None and step.batches[-1] is batch:
            step.after = weights(pl_module)
        if trainer.global_step == self.stop_at:
            self.stop_at = None
            raise Interrupted

    def on_validation_start(self, trainer, pl_module):
        """Begin a pass."""
        self.validations[trainer.global_step] = Evaluation(weights(pl_module))

    def on_validation_batch_end(self, trainer, pl_module, outputs, batch, *_):
        """Note its batch."""
        self.validations[trainer.global_step].batches.append(batch)

    def on_test_start(self, trainer, pl_module):
        """Begin a pass."""
        self.test = Evaluation(weights(pl_module))

    def on_test_batch_end(self, trainer, pl_module, outputs, batch, *_):
        """Note its batch."""
        self.test.batches.append(batch)

    def save(self, folder: Path, rank: int) -> None:
        """Write the file of a process."""
        kept = {name: getattr(self, name) for name in KEPT}
        torch.save(kept, folder / f"dump_{rank}.pt")


def load(folder: Path) -> list[Dump]:
    """All processes' dumps, the first one's first."""
    dumps = []
    for path in sorted(folder.glob("dump_*.pt")):
        dump = Dump()
        vars(dump).update(torch.load(path, weights_only=False))
        dumps.append(dump)
    return dumps


def weights(module) -> Weights:
    """Copies of the parameters."""
    return {name: value.detach().clone() for name, value in module.state_dict().items()}
