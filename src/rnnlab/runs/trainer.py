"""Lightning's trainer for a run."""

from pathlib import Path

import torch
from lightning import Callback, Trainer
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch.loggers import Logger

from rnnlab.config.trust import factory, make
from rnnlab.data.base import SequenceData
from rnnlab.errors import ConfigError
from rnnlab.runs.build import Config
from rnnlab.training.archive import SealedCheckpoints


def build_trainer(cfg: Config, folder: Path, callbacks: list[Callback]) -> Trainer:
    """Lightning's trainer, with the logger writing into the run folder.

    Raises:
        ConfigError: No such accelerator, too few devices, options that Lightning refuses.
    """
    settings, logger = cfg["trainer"], cfg["logger"]
    automatic = settings.get("accelerator", "auto") == "auto" and not torch.cuda.is_available()
    if automatic and isinstance(settings.get("devices"), int) and settings["devices"] > 1:
        raise ConfigError(
            f"trainer.devices: {settings['devices']} asked for, but there is no GPU here; for "
            f"several processes on the CPU say trainer=ddp trainer.accelerator=cpu"
        )
    try:
        trainer: Trainer = factory(settings, cfg["trust"])(
            callbacks=callbacks,
            plugins=[SealedCheckpoints()],
            logger=build_logger(logger, folder, cfg["trust"]) if logger else False,
            default_root_dir=str(folder),
            num_sanity_val_steps=0,
            enable_model_summary=False,
            use_distributed_sampler=False,
        )
    except (MisconfigurationException, TypeError, ValueError, RuntimeError) as error:
        raise ConfigError(f"trainer: {' '.join(str(error).split())}") from None
    return trainer


def build_logger(node: Config, folder: Path, trusted: list[str]) -> Logger:
    """The logger of a run.

    Raises:
        ConfigError: It would write files outside of the run's folder.
    """
    logger: Logger = make(node, trusted, str(folder))
    place = getattr(logger, "log_dir", None)
    if place is not None and not Path(place).resolve().is_relative_to(folder.resolve()):
        raise ConfigError(f"logger: would write to {place}, outside of the run's folder {folder}")
    return logger


def check_batches(trainer: Trainer, data: SequenceData) -> None:
    """Refuse shares of a split that come to no batch, and validations that would never come.

    Raises:
        ConfigError: Names the option.
    """
    loaders = {"train": data.train_dataloader, "val": data.val_dataloader}
    for split, loader in {**loaders, "test": data.test_dataloader}.items():
        count, limit = len(loader()), getattr(trainer, f"limit_{split}_batches")
        if 0 < limit * count < 1:
            raise ConfigError(
                f"trainer.limit_{split}_batches: {limit} of {count} batches is none; "
                f"{split} needs at least {1 / count:.2g}"
            )
    count, interval = len(data.train_dataloader()), getattr(trainer, "val_check_interval", None)
    within = trainer.check_val_every_n_epoch is not None
    if isinstance(interval, int) and within and interval > count:
        raise ConfigError(
            f"trainer.val_check_interval: {interval} batches, but an epoch has {count}; for "
            "validations across epochs say trainer.check_val_every_n_epoch=null"
        )
