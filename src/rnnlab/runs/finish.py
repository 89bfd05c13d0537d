"""After a run: test metrics, score, `metrics.json` and a summary line."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from lightning import Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from torch.utils.tensorboard.summary import hparams

from rnnlab.data.base import SequenceData
from rnnlab.diagnostics.alarms import Alarms
from rnnlab.diagnostics.board import Display
from rnnlab.diagnostics.throughput import Throughput, peak_memory_mb
from rnnlab.errors import tell
from rnnlab.runs.build import Config
from rnnlab.runs.metrics_json import collect, write_json
from rnnlab.runs.report import save_report
from rnnlab.training.checkpoint import load_plain
from rnnlab.training.module import SequenceModule
from rnnlab.training.snapshot import Best

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        status: completed | untrained | interrupted | pruned | diverged.
        score: The monitored validation metric, negated where lower is better: higher is better.
            The worst value there is for a diverged run.
        record: What `metrics.json` holds.
        folder: The run's folder.
    """

    status: str
    score: float
    record: dict[str, Any]
    folder: Path


def conclude(
    cfg: Config,
    trainer: Trainer,
    module: SequenceModule,
    data: SequenceData,
    *,
    status: str,
    reason: str | None,
    folder: Path,
    checksums: dict[str, str],
) -> Outcome:
    """Test the best weights of a completed run, and write down how it went.

    Args:
        cfg: The run's configuration.
        trainer: As `fit` left it.
        module: As `fit` left it; afterwards it has the best weights.
        data: The data that it was trained on.
        status: How `fit` ended.
        reason: Why, of a run that diverged.
        folder: The run's folder.
        checksums: sha256 of the files read.
    """
    task = module.task
    speed, alarms = _callbacks(trainer, Throughput)[0], _callbacks(trainer, Alarms)
    val, test = section(trainer, "val"), {}
    best_epoch = None
    trained = status == "completed"
    if trained:
        val, best_epoch = _load_best(trainer, module, val)
        try:
            test = evaluate_split(trainer, module, data)
        except (KeyboardInterrupt, SystemExit):  # what Lightning makes of Ctrl-C
            status = "interrupted"
    found = val.get(task.monitor, math.nan)
    score = found if task.mode == "max" else -found
    if status == "diverged" or math.isnan(score):
        score = -math.inf
    record = collect(
        cfg,
        status=status,
        **({} if reason is None else {"reason": reason}),
        monitor=f"val/{task.monitor}",
        score=score if math.isfinite(score) else None,
        epochs=trainer.fit_loop.epoch_progress.current.processed,  # type: ignore[attr-defined]
        best_epoch=best_epoch,
        steps=trainer.global_step,
        wall_seconds=speed.wall,
        train_seconds=speed.total.seconds,
        train_tokens_per_second=speed.total.tokens_per_second * trainer.world_size,
        train_padding=speed.total.padding,
        train_data_share=speed.total.data_share,
        peak_memory_mb=peak_memory_mb(),
        parameters=sum(p.numel() for p in module.parameters()),
        data=checksums,
        scorers=task.signatures(),
        **({"alarms": alarms[0].sentences} if alarms else {}),
        val=val,
        test=test,
    )
    if trainer.is_global_zero:
        write_json(folder / "metrics.json", record)
        report = task.facts.report if test else None
        if report is not None:
            save_report(report, trainer, folder)
        _log_final(trainer, val, test)  # ends the loggers
        _summary(folder, record, trained=trained)
    return Outcome(status, score, record, folder)


def last_good(folder: Path) -> str:
    """A sentence that names the last checkpoint with finite weights."""
    for name in ("last", "best"):
        path = folder / "checkpoints" / f"{name}.ckpt"
        if path.is_file():
            return f"the last good checkpoint is {path}, step {load_plain(path)['global_step']}"
    return "it came before the first checkpoint"


def _callbacks(trainer: Trainer, kind: type[T]) -> list[T]:
    return [each for each in trainer.callbacks if isinstance(each, kind)]  # type: ignore[attr-defined]


def section(trainer: Trainer, split: str) -> dict[str, float]:
    """What was logged last for a split, without its name in the keys."""
    prefix = f"{split}/"
    values = trainer.callback_metrics.items()
    return {k.removeprefix(prefix): float(v) for k, v in values if k.startswith(prefix)}


def _load_best(
    trainer: Trainer, module: SequenceModule, last: dict[str, float]
) -> tuple[dict[str, float], int]:
    """Give the module the best epoch's weights; that epoch's validation metrics, and its number.

    The monitored one is exact, the others are dropped where another epoch than the last was best.
    """
    best = _callbacks(trainer, Best)[0]
    if best.best_model_score is None:  # no validation: take the last weights
        return last, trainer.current_epoch
    checkpoint = load_plain(Path(best.best_model_path))
    module.load_state_dict(checkpoint["state_dict"])
    score, name = float(best.best_model_score), str(best.monitor).removeprefix("val/")
    # of epochs with equal scores the first one is the best
    newest = int(checkpoint["global_step"]) == trainer.global_step
    val = last if newest and last.get(name) == score else {name: score}
    return val, int(checkpoint["epoch"]) + 1


def evaluate_split(
    trainer: Trainer, module: SequenceModule, data: SequenceData
) -> dict[str, float]:
    """Test metrics of the module as it is."""
    trainer.test(module, datamodule=data, verbose=False)
    return section(trainer, "test")


def _log_final(trainer: Trainer, val: dict[str, float], test: dict[str, float]) -> None:
    final = {f"final/val/{k}": v for k, v in val.items()}
    final |= {f"final/test/{k}": v for k, v in test.items()}
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            logger.log_metrics(final, step=trainer.global_step)
            logger.finalize("success")
        elif isinstance(logger, Display):
            logger.finish(final)


def _summary(folder: Path, record: dict[str, Any], *, trained: bool) -> None:
    metrics = " ".join(
        f"{split}.{name} {value:.4f}"
        for split in ("val", "test")
        for name, value in record[split].items()
    )
    status, seconds = record["status"], record["wall_seconds"]
    speed = f"{record['train_tokens_per_second']:,.0f} tokens/s"
    tell(f"{status:10s}", f"{metrics} | {seconds:.0f} s, {speed} | {folder}")
    if status == "interrupted" and trained:
        print(f"test it with: rnnlab evaluate checkpoint={folder}", flush=True)
    elif status == "interrupted" and (folder / "checkpoints" / "last.ckpt").exists():
        print(f"continue with: rnnlab train resume={folder}", flush=True)


def declare_hparams(trainer: Trainer, values: dict[str, Any]) -> None:
    """Announce the hyperparameters.

    The description of an experiment is left out: TensorBoard would take that of one run for all.
    Without it, it finds out itself which hyperparameters differ between runs, and shows those.
    """
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger) and trainer.is_global_zero:
            writer = logger.experiment._get_file_writer()
            _, start, end = hparams(values, {})  # type: ignore[no-untyped-call]
            for summary in (start, end):
                writer.add_summary(summary)
        elif isinstance(logger, Display):
            logger.log_hyperparams(values)
