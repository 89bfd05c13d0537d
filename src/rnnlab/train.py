"""A training run from configuration to score, and what it leaves in its folder."""

import logging
import math
import time
import warnings
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning import Trainer, seed_everything
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger
from omegaconf import OmegaConf

from rnnlab.build import (
    Config,
    build_callbacks,
    build_data,
    build_model,
    build_module,
    build_trainer,
    build_vectors,
)
from rnnlab.checkpoint import find_checkpoint, load_plain, read_checkpoint
from rnnlab.data.base import SequenceData
from rnnlab.diagnostics.throughput import Throughput, peak_memory_mb
from rnnlab.errors import ConfigError, DataError, Diverged, Interrupted
from rnnlab.hparams import declare_hparams
from rnnlab.layers.base import Layer
from rnnlab.module import SequenceModule
from rnnlab.record import collect, flat, write_json
from rnnlab.tasks.base import Task
from rnnlab.validate import validate

SMALLEST = {"accumulate_grad_batches": 1, "log_every_n_steps": 1, "gradient_clip_val": 0}
"""Least values of options that Lightning takes as they come."""


@dataclass(frozen=True)
class Outcome:
    """How a run ended.

    Attributes:
        status: completed | interrupted | diverged.
        score: The monitored validation metric, negated where lower is better: higher is better.
            The worst value there is for a diverged run.
        record: What `metrics.json` holds.
        folder: The run's folder.
    """

    status: str
    score: float
    record: dict[str, Any]
    folder: Path


def run(cfg: Config, choices: dict[str, Any], folder: Path, *, resume: bool = False) -> Outcome:
    """Train, test the best checkpoint, write `metrics.json`.

    Args:
        cfg: Resolved configuration, plain values.
        choices: The choice made for each group.
        folder: The run's folder; made if it is not there.
        resume: Continue from `checkpoints/last.ckpt`.

    Raises:
        ConfigError, DataError, CheckpointError: Something that the user can mend.
    """
    quiet()
    validate(cfg, choices)
    prepare_folder(folder)
    seed_everything(cfg["seed"], workers=False, verbose=False)
    vectors = build_vectors(cfg)
    data = build_data(cfg, vectors)
    spec = data.spec()
    model = build_model(cfg, spec, vectors)
    module = build_module(cfg, choices, spec, model)
    trainer = make_trainer(cfg, folder, model.task)
    last = find_checkpoint(folder, "last") if resume else None
    if last is not None:
        _check_resumable(cfg, last)
    if trainer.is_global_zero:
        OmegaConf.save(OmegaConf.create(cfg), folder / "config.yaml")
        announce(module, data, folder)
    declare_hparams(trainer, flat(cfg), model.task)
    started = time.perf_counter()
    status = "completed"
    try:
        trainer.fit(module, datamodule=data, ckpt_path=last, weights_only=True)
    except Interrupted:
        status = "interrupted"
    except Diverged as error:
        status = "diverged"
        if trainer.is_global_zero:
            print(f"diverged: {error}; the last good checkpoint is kept", flush=True)
    return _finish(cfg, trainer, module, data, status, folder, time.perf_counter() - started)


def make_trainer(cfg: Config, folder: Path, task: Task) -> Trainer:
    """The trainer; what its hardware options ask for must be there.

    Raises:
        ConfigError: No such accelerator, too few devices, an option that Lightning refuses.
    """
    settings = cfg["trainer"]
    for key, least in SMALLEST.items():
        value = settings.get(key)
        if isinstance(value, int | float) and value < least:
            raise ConfigError(f"trainer.{key}: {value} is too small, the least is {least}")
    automatic = settings.get("accelerator", "auto") == "auto" and not torch.cuda.is_available()
    if automatic and isinstance(settings.get("devices"), int) and settings["devices"] > 1:
        raise ConfigError(
            f"trainer.devices: {settings['devices']} asked for, but there is no GPU here; for "
            f"several processes on the CPU say trainer=ddp trainer.accelerator=cpu"
        )
    try:
        return build_trainer(cfg, folder, build_callbacks(cfg, folder, task))
    except (MisconfigurationException, ValueError, RuntimeError) as error:
        first = " ".join(str(error).split())
        raise ConfigError(f"trainer: {first}") from None


def _check_resumable(cfg: Config, last: Path) -> None:
    progress = load_plain(last)["loops"]["fit_loop"]["epoch_progress"]["current"]
    done = int(progress["processed"])  # saved at an epoch's end, before it counts as completed
    wanted = cfg["trainer"].get("max_epochs")
    if wanted is not None and 0 <= wanted <= done:
        raise ConfigError(
            f"resume: the run has all of its {done} epochs; ask for more, "
            f"such as trainer.max_epochs={done + 1}"
        )


def prepare_folder(folder: Path) -> None:
    """Make the run's folder and find out early whether it can be written to."""
    try:
        (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
        (folder / "checkpoints" / ".probe").touch()
        (folder / "checkpoints" / ".probe").unlink()
    except OSError as error:
        raise ConfigError(f"cannot write to the run folder {folder}: {error.strerror}") from None


def announce(module: SequenceModule, data: SequenceData, folder: Path) -> None:
    """Say what is about to be trained, and where it will be found."""
    parameters = sum(p.numel() for p in module.parameters())
    sizes = ", ".join(f"{len(data.examples(s)):,} {s}" for s in ("train", "val", "test"))
    print(f"run      {folder}\ndata     {type(data).__name__}: {sizes}")
    cells = [part for part in module.encoder.modules() if isinstance(part, Layer)]
    layers = ", ".join(f"{type(c).__name__} {c.input_size}->{c.output_size}" for c in cells)
    print(f"model    {parameters:,} parameters; encoder: {layers}", flush=True)


def _finish(
    cfg: Config,
    trainer: Trainer,
    module: SequenceModule,
    data: SequenceData,
    status: str,
    folder: Path,
    seconds: float,
) -> Outcome:
    task = module.task
    val = _section(trainer, "val")
    best = folder / "checkpoints" / "best.ckpt"
    test: dict[str, float] = {}
    if status == "completed" and best.exists():
        checkpoint = load_plain(best)
        module.load_state_dict(checkpoint["state_dict"])
        val = _best_section(trainer, val)
        test = evaluate_split(trainer, module, data)
    elif status == "completed":
        test = evaluate_split(trainer, module, data)
    found = val.get(task.monitor, math.nan)
    score = found if task.mode == "max" else -found
    if status == "diverged" or math.isnan(score):
        score = -math.inf
    throughput = next(c for c in trainer.callbacks if isinstance(c, Throughput))  # type: ignore[attr-defined]
    record = collect(
        cfg,
        status=status,
        sections={"val": val, "test": test},
        monitor=f"val/{task.monitor}",
        score=score if math.isfinite(score) else None,
        epochs=trainer.current_epoch,
        steps=trainer.global_step,
        wall_seconds=seconds,
        train_seconds=throughput.seconds,
        train_tokens_per_second=throughput.tokens_per_second,
        peak_memory_mb=peak_memory_mb(),
        parameters=sum(p.numel() for p in module.parameters()),
        data=data.checksums(),
        scorers=task.signatures(),
    )
    if trainer.is_global_zero:
        write_json(folder / "metrics.json", record)
        _log_final(trainer, val, test)
        _summary(folder, record, status)
    return Outcome(status, score, record, folder)


def _section(trainer: Trainer, split: str) -> dict[str, float]:
    prefix = f"{split}/"
    values = trainer.callback_metrics.items()
    return {k.removeprefix(prefix): float(v) for k, v in values if k.startswith(prefix)}


def _best_section(trainer: Trainer, last: dict[str, float]) -> dict[str, float]:
    """Validation metrics of the best epoch.

    The monitored one is exact, the others are dropped where another epoch than the last was best.
    """
    best = next(c for c in trainer.checkpoint_callbacks if isinstance(c, ModelCheckpoint))
    score, name = best.best_model_score, str(best.monitor).removeprefix("val/")
    if score is None or last.get(name) == float(score):
        return last
    return {name: float(score)}


def evaluate_split(
    trainer: Trainer, module: SequenceModule, data: SequenceData
) -> dict[str, float]:
    """Test metrics of the module as it is."""
    trainer.test(module, datamodule=data, verbose=False)
    return _section(trainer, "test")


def _log_final(trainer: Trainer, val: dict[str, float], test: dict[str, float]) -> None:
    for logger in trainer.loggers:
        if isinstance(logger, TensorBoardLogger):
            final = {f"final/val/{k}": v for k, v in val.items()}
            final |= {f"final/test/{k}": v for k, v in test.items()}
            logger.log_metrics(final, step=trainer.global_step)
            logger.finalize("success")


def _summary(folder: Path, record: dict[str, Any], status: str) -> None:
    metrics = " ".join(
        f"{split}.{name} {record[split][name]:.4f}"
        for split in ("val", "test")
        for name in record[split]
        if "/" not in name
    )
    speed = f"{record['train_tokens_per_second']:,.0f} tokens/s"
    print(f"{status:11s}{metrics} | {record['wall_seconds']:.0f} s, {speed} | {folder}", flush=True)
    if status == "interrupted":
        print(f"continue with: rnnlab train resume={folder}", flush=True)


def quiet() -> None:
    """Silence Lightning's tips and notices: the run says itself what matters."""
    for name in ("lightning.pytorch", "lightning.fabric", "pytorch_lightning"):
        logging.getLogger(name).setLevel(logging.ERROR)
    ignore = partial(warnings.filterwarnings, "ignore")
    # Lightning 2.6 on torch 2.13 asks its own dependencies in an outdated way
    ignore(message=".*LeafSpec.*is deprecated", category=FutureWarning)
    # true of every resumed run, and of every run shorter than fifty steps
    ignore(message="Checkpoint directory .* exists and is not empty")
    ignore(message="The number of training batches .* is smaller than the logging interval")


def resume_run(folder: Path, overrides: list[str], trusted: list[str]) -> Outcome:
    """Continue a run in its own folder.

    Args:
        folder: The run's folder.
        overrides: Changed values, as `key=value`; a larger `trainer.max_epochs`, say.
        trusted: Packages of the user's own that the configuration may name.

    Raises:
        CheckpointError: There is nothing to continue from.
        ConfigError: An override that the run's configuration has no place for.
    """
    from rnnlab.composing import override_values

    checkpoint = read_checkpoint(find_checkpoint(folder, "last"), trusted)
    cfg = override_values(checkpoint.cfg, overrides)
    if not (folder / "checkpoints").is_dir():
        raise DataError(f"resume: {folder} is not a run folder")
    return run(cfg, checkpoint.choices, folder, resume=True)
