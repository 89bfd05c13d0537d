"""How fast the training goes."""

import time
from pathlib import Path
from typing import Any

import psutil
import torch
from lightning import Callback, LightningModule, Trainer

from rnnlab.data.batch import Batch
from rnnlab.diagnostics.board import Board


class Throughput(Callback):
    """Counts real source tokens and the time of training steps, validation left out.

    Time runs from the start of a training epoch to the end of its last batch, without the
    validations in between. On a GPU single steps are not waited for; the epoch's end is.

    Key            | Meaning
    time/tokens    | real source tokens a second, since the last write of the board
    time/padding   | padded steps per real step in the last batch (1 means none)

    Attributes:
        tokens: Real source tokens of this process, since the start of the run.
        seconds: Time spent in training steps.
    """

    def __init__(self) -> None:
        self.tokens = 0
        self.seconds = 0.0
        self._since: float | None = None
        self._mark = (0, 0.0)

    @property
    def tokens_per_second(self) -> float:
        """Average over the run; 0 before the first step."""
        return self.tokens / self.seconds if self.seconds else 0.0

    def state_dict(self) -> dict[str, Any]:
        """Counts so far, for a resumed run."""
        return {"tokens": self.tokens, "seconds": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on counting."""
        self.tokens, self.seconds = state_dict["tokens"], state_dict["seconds"]
        self._mark = (self.tokens, self.seconds)

    def on_train_epoch_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._since = time.perf_counter()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count; at the end of the epoch wait for the device."""
        assert isinstance(batch, Batch)
        self.tokens += batch.tokens
        if trainer.is_last_batch and pl_module.device.type == "cuda":
            torch.cuda.synchronize(pl_module.device)
        self._tick()
        board = next(c for c in trainer.callbacks if isinstance(c, Board))  # type: ignore[attr-defined]
        if trainer.global_step % board.every_n_steps == 0:
            tokens, seconds = self.tokens - self._mark[0], self.seconds - self._mark[1]
            self._mark = (self.tokens, self.seconds)
            padded = batch.inputs.shape[0] * batch.inputs.shape[1]
            board.post(
                {
                    "time/tokens": torch.tensor(tokens / max(seconds, 1e-9)),
                    "time/padding": torch.tensor(padded / batch.tokens),
                }
            )

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the clock."""
        self._tick()
        self._since = None

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let it go on."""
        self._since = time.perf_counter()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Stop the clock."""
        self._since = None

    def _tick(self) -> None:
        if self._since is not None:
            now = time.perf_counter()
            self.seconds += now - self._since
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
