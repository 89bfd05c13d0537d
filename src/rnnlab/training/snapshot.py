"""`checkpoints/last.ckpt`, what a run can be continued from, and `checkpoints/best.ckpt`."""

import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from lightning import LightningModule, Trainer
from lightning.pytorch.callbacks import Checkpoint, ModelCheckpoint

from rnnlab.config.types import Fraction, PositiveInt
from rnnlab.errors import Interrupted
from rnnlab.training.processes import Flags, gather
from rnnlab.training.signals import say, stop_signals


class Best(ModelCheckpoint):
    """Writes `best.ckpt` after the validation with the best score so far.

    Args:
        folder: Where the file goes.
        monitor: Name of the score.
        mode: Whether a larger or a smaller score is better.
    """

    def __init__(self, folder: Path, *, monitor: str, mode: str) -> None:
        super().__init__(
            folder,
            filename="best",
            monitor=monitor,
            mode=mode,
            enable_version_counter=False,
            save_on_exception=False,
        )

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the best score, also where the run's folder was moved or copied.

        The file is the one in this run's folder, whatever path a checkpoint names: the one before
        is removed when there is a better one.
        """
        moved = dict(state_dict, dirpath=self.dirpath)
        for key in ("best_model_path", "kth_best_model_path", "last_model_path"):
            moved[key] = self._here(state_dict.get(key, ""))
        kept = state_dict.get("best_k_models", {})
        moved["best_k_models"] = {self._here(path): score for path, score in kept.items()}
        scores = [*kept.values(), state_dict["best_model_score"], state_dict["kth_value"]]
        if not all(score is None or isinstance(score, torch.Tensor) for score in scores):
            raise TypeError("a best score is no tensor")
        super().load_state_dict(moved)

    def _here(self, path: str) -> str:
        return str(Path(str(self.dirpath)) / "best.ckpt") if path else ""


class Snapshot(Checkpoint):
    """Writes `last.ckpt` every few optimiser steps, at the end of an epoch, and on Ctrl-C.

    It saves at the boundary of an optimiser step only (in the middle of an accumulation the
    weights of a resumed run would differ); a run killed in the middle of writing keeps its former
    file. A state that is not finite is not saved.

    Writing may take as long as ten small steps: within an epoch a write waits until the one before
    is no more than `max_overhead` of the time up to now. The epoch's end and a signal do not wait.

    The first SIGINT, SIGTERM or SIGHUP (of a terminal that is closed) saves and ends the run with
    `Interrupted`, in a validation as soon as that is done; a second one has its usual effect. Of
    several processes all save and end at the same step, whichever got the signal: the one after
    (see `Flags`).

    Args:
        folder: Where the file goes.
        every_n_steps: Least interval in optimiser steps.
        max_overhead: Share of the time for writing within an epoch; 1 writes at every interval.

    Attributes:
        clock: Seconds, from any start.
    """

    def __init__(
        self, folder: Path, *, every_n_steps: PositiveInt = 50, max_overhead: Fraction = 0.01
    ) -> None:
        self.folder = folder
        self.every_n_steps = every_n_steps
        self.max_overhead = max_overhead
        self.clock: Callable[[], float] = time.perf_counter
        self._cost = 0.0  # seconds of the last write
        self._written = 0.0  # when it ended
        self._stop_requested = False
        self._flags = Flags()
        self._saved_at = 0
        self._last_step = 0
        self._validated: dict[str, torch.Tensor] = {}
        self._handlers: dict[int, Any] = {}

    def state_dict(self) -> dict[str, Any]:
        """What the last validation measured."""
        return {"validated": self._validated}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up what was measured before."""
        self._validated = state_dict.get("validated", {})

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Let a resumed run know the last validation, as if it had not been stopped."""
        trainer.callback_metrics.update(self._validated)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Handle signals, where this is the main thread: others cannot."""
        self._saved_at = self._last_step = trainer.global_step
        try:
            for number in stop_signals():
                self._handlers[number] = signal.signal(number, self._request_stop)
        except ValueError:
            self._handlers.clear()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Restore the signal handlers."""
        while self._handlers:
            signal.signal(*self._handlers.popitem())

    def _request_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop_requested = True
        say("\nstopping at the end of this step, or of this validation")
        for each, handler in self._handlers.items():
            signal.signal(each, handler)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Save where it is due; after a validation that follows, which a resumed run would skip.

        The one after `max_steps` is none of these: a run with more steps has none there.
        """
        self._validate_at_the_end(trainer)
        fetcher = trainer.fit_loop._data_fetcher
        assert fetcher is not None
        if not trainer.fit_loop.epoch_loop._should_check_val_fx(fetcher):
            self._end_step(trainer)

    def _validate_at_the_end(self, trainer: Trainer) -> None:
        """Let a training end with a validation, in an epoch that has none by itself as well."""
        every, epochs = trainer.check_val_every_n_epoch, trainer.max_epochs or 0
        if every is None or (trainer.current_epoch + 1) % every == 0:
            return
        last_epoch = trainer.is_last_batch and 0 < epochs <= trainer.current_epoch + 1
        if last_epoch or trainer.should_stop or 0 <= trainer.max_steps <= trainer.global_step:
            trainer.check_val_every_n_epoch, trainer.should_stop = 1, True

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save where it is due."""
        self._end_step(trainer, validated=True)

    def _end_step(self, trainer: Trainer, *, validated: bool = False) -> None:
        if trainer.is_last_batch or trainer.global_step == self._last_step:
            return
        self._last_step = trainer.global_step
        stop, affordable = self._flags.exchange(self._stop_requested, self._is_affordable())
        due = affordable and trainer.global_step - self._saved_at >= self.every_n_steps
        due |= validated and not self._written  # a best.ckpt alone could not be gone on from
        last = 0 <= trainer.max_steps <= trainer.global_step
        trainer.should_stop |= last  # Lightning then validates, also inside of an epoch
        if stop or last or due:
            self.save(trainer)
        if stop:
            raise Interrupted

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Save the finished epoch: its validation and what followed from it included.

        One that `max_steps` ended in its middle was saved there, so that it can be finished.
        (Lightning calls checkpoint callbacks after the module and all other callbacks.)
        """
        self._last_step = trainer.global_step
        if trainer.is_last_batch or self._saved_at != trainer.global_step:
            self.save(trainer)
        if any(gather(self._stop_requested)):
            raise Interrupted

    def _is_affordable(self) -> bool:
        since = self.clock() - self._written
        return self._cost <= self.max_overhead * (self._cost + since)

    def save(self, trainer: Trainer) -> None:
        """Write the file, unless the loss or a parameter is not finite."""
        started = self.clock()
        module = trainer.lightning_module
        norms = torch.stack(torch._foreach_norm([p.detach() for p in module.parameters()]))
        if not torch.isfinite(norms).all():
            return
        measured = trainer.callback_metrics.items()
        self._validated = {key: value for key, value in measured if key.startswith("val/")}
        trainer.save_checkpoint(self.folder / "last.ckpt")  # in one go: see `write_archive`
        self._saved_at = trainer.global_step
        self._written = self.clock()
        self._cost = self._written - started
