"""Tokens a second, padding, and time spent waiting for data."""

import operator
import time
from collections.abc import Callable
from dataclasses import asdict, astuple, dataclass
from pathlib import Path
from typing import Any

import psutil
import torch
from lightning import Callback, LightningModule, Trainer

from rnnlab.data.batch import Batch
from rnnlab.data.loader import Loader
from rnnlab.diagnostics.board import board_of


@dataclass(frozen=True)
class Work:
    """What a training has done, in this process.

    Attributes:
        tokens: Real source tokens.
        padded: Source tokens with the padding.
        seconds: Time spent in training steps.
        waiting: Of these, the time spent waiting for batches.
    """

    tokens: int = 0
    padded: int = 0
    seconds: float = 0.0
    waiting: float = 0.0

    def __add__(self, other: "Work") -> "Work":
        return Work(*map(operator.add, astuple(self), astuple(other)))

    def __sub__(self, other: "Work") -> "Work":
        return Work(*map(operator.sub, astuple(self), astuple(other)))

    @property
    def tokens_per_second(self) -> float:
        """Real source tokens a second; 0 before the first step."""
        return self.tokens / self.seconds if self.seconds else 0.0

    @property
    def padding(self) -> float:
        """Padded tokens per real token, 1 without any padding; 0 before the first step."""
        return self.padded / self.tokens if self.tokens else 0.0

    @property
    def data_share(self) -> float:
        """Share of the time that was spent waiting for batches; 0 before the first step."""
        return self.waiting / self.seconds if self.seconds else 0.0


class Throughput(Callback):
    """Counts real source tokens and the time of training steps, validation left out.

    Time runs from the start of a training epoch to the end of its last batch, without the
    validations in between. On a GPU single steps are not waited for; the epoch's end is.

    Key            | Meaning; all since the last write of the board
    time/tokens    | real source tokens a second; of several processes those of the first one
    time/padding   | padded tokens per real token, 1 without any padding
    time/data      | share of the time spent waiting for batches

    Args:
        max_overhead: Share of the training time that each instrument may take; None lets them
            measure at fixed intervals, and reads no clock for it.

    Attributes:
        total: Since the start of the run, of all the processes that resumed it one by one.
        clock: Seconds, from any start.
    """

    def __init__(self, *, max_overhead: float | None = None) -> None:
        self.max_overhead = max_overhead
        self.total = Work()
        self._before = 0.0  # wall time of the processes that were resumed
        self._began: float | None = None
        self.clock: Callable[[], float] = time.perf_counter
        self._since: float | None = None
        self._mark = Work()
        self._waited = 0.0  # the loader's count, as far as it is in the total

    def state_dict(self) -> dict[str, Any]:
        """Counts so far, for a resumed run."""
        return asdict(self.total) | {"wall": self.wall}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Continue the counts of a resumed run."""
        counts = dict(state_dict)
        self._before = counts.pop("wall", 0.0)  # older runs did not count it
        self.total = self._mark = Work(**counts) + Work()  # which only numbers can be added to

    @property
    def wall(self) -> float:
        """Seconds from the start of `fit` until now, with validations, summed over processes."""
        return self._before + (0.0 if self._began is None else self.clock() - self._began)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Start the wall's clock."""
        if stage == "fit":
            self._began = self.clock()

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._since = self.clock()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count; at the end of the epoch wait for the device."""
        assert isinstance(batch, Batch)
        if trainer.is_last_batch and pl_module.device.type == "cuda":
            torch.cuda.synchronize(pl_module.device)
        loader = trainer.train_dataloader
        assert isinstance(loader, Loader)
        padded = batch.inputs.shape[0] * batch.inputs.shape[1]
        self.total += Work(batch.tokens, padded, waiting=loader.seconds - self._waited)
        self._waited = loader.seconds
        self._tick()
        board = board_of(trainer)
        if board.writes(trainer):
            done, self._mark = self.total - self._mark, self.total
            board.post(
                {
                    "time/tokens": done.tokens_per_second,
                    "time/padding": done.padding,
                    "time/data": done.data_share,
                }
            )

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the clock."""
        self._tick()
        self._since = None

    on_validation_end = on_train_epoch_start

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the clock."""
        self._since = None

    def _tick(self) -> None:
        if self._since is not None:
            now = self.clock()
            self.total += Work(seconds=now - self._since)
            self._since = now


def peak_memory_mb() -> float:
    """Largest memory of this process so far: of the GPU where one was used, else of the host."""
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return torch.cuda.max_memory_allocated() / 2**20
    status = Path("/proc/self/status")
    if status.exists():  # Linux: ru_maxrss would count the process that started this one
        found = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(found.split()[1]) / 2**10
    info = psutil.Process().memory_info()
    return float(getattr(info, "peak_wset", info.rss)) / 2**20
