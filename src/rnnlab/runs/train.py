"""A training run from configuration to score."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lightning import Callback, seed_everything
from lightning.fabric.utilities.exceptions import MisconfigurationException
from omegaconf import OmegaConf

from rnnlab.config.compose import override_values, parse
from rnnlab.config.validate import validate
from rnnlab.errors import ConfigError, Diverged, Interrupted
from rnnlab.runs.baseline import add_baseline
from rnnlab.runs.build import (
    Config,
    build_callbacks,
    build_data,
    build_model,
    build_module,
    build_start,
    build_vectors,
)
from rnnlab.runs.finish import Outcome, conclude, last_good
from rnnlab.runs.hparams import declare_hparams
from rnnlab.runs.prepare import (
    announce,
    check_resumable,
    limit_memory,
    make_trainer,
    prepare_folder,
    quiet,
)
from rnnlab.runs.tables import flat
from rnnlab.training.checkpoint import Checkpoint, find_checkpoint, read_checkpoint

CHANGEABLE = (
    *("trainer.", "diagnostics.", "checkpoint.", "early_stopping."),
    *("data.root", "embedding.root", "trust"),
)
"""What a resumed run may be told anew; all else is as it was, in weights or optimiser state."""


def run(
    cfg: Config,
    choices: dict[str, Any],
    folder: Path,
    *,
    resume: Checkpoint | None = None,
    callbacks: Sequence[Callback] = (),
) -> Outcome:
    """Train, test the best checkpoint, write `metrics.json`.

    Args:
        cfg: Resolved configuration, plain values.
        choices: The choice made for each group.
        folder: The run's folder; made if it is not there.
        resume: The folder's last checkpoint, to continue from; None for a new run.
        callbacks: A caller's own, behind those of the configuration.

    Raises:
        ConfigError, DataError, CheckpointError: Something that the user can mend.
    """
    quiet()
    limit_memory()
    validate(cfg, choices)
    prepare_folder(folder, resume=resume is not None)
    start = build_start(cfg) if resume is None else None  # early: reading data may take minutes
    seed_everything(cfg["seed"], workers=False, verbose=False)
    vectors = build_vectors(cfg)
    data = build_data(cfg, vectors)
    spec = data.spec()
    model = build_model(cfg, spec, vectors)
    if resume is not None:
        sources = resume.sources
    else:
        sources = {} if start is None else start.checksums()
    started = None if start is None else start.initialise(model.encoder, spec)
    module = build_module(cfg, choices, spec, model, sources)
    trainer = make_trainer(cfg, folder, [*build_callbacks(cfg, folder, model.task), *callbacks])
    last = None if resume is None else resume.path
    if last is not None:
        check_resumable(cfg, last)
    if trainer.is_global_zero:
        (folder / "metrics.json").unlink(missing_ok=True)  # of the part before; written at the end
        OmegaConf.save(OmegaConf.create(cfg), folder / "config.yaml")
        announce(module, data, vectors, folder, trainer.strategy.root_device, started)
    declare_hparams(trainer, flat(cfg), model.task)
    status, reason = "completed", None
    try:
        trainer.fit(module, datamodule=data, ckpt_path=last, weights_only=True)
    except Interrupted:
        status = "interrupted"
    except MisconfigurationException as error:
        raise ConfigError(f"trainer: {' '.join(str(error).split())}") from None
    except Diverged as error:
        status, reason = "diverged", f"{error}; {last_good(folder)}"
        if trainer.is_global_zero:
            print(f"diverged: {reason}", flush=True)
    outcome = conclude(
        cfg,
        trainer,
        module,
        data,
        status=status,
        reason=reason,
        folder=folder,
        checksums=data.checksums() | vectors.checksums() | sources,
    )
    if trainer.world_size == 1:
        add_baseline(cfg, module, data, vectors, outcome)
    return outcome


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
    for override in parse(overrides):
        key = override.key_or_group
        if not key.startswith(CHANGEABLE):
            raise ConfigError(
                f"{key}: cannot change in a resumed run; what can: {', '.join(CHANGEABLE)}"
            )
    checkpoint = read_checkpoint(find_checkpoint(folder, "last"), trusted)
    cfg = override_values(checkpoint.cfg, overrides)
    epochs = checkpoint.cfg["trainer"].get("max_epochs")
    if cfg["scheduler"] and cfg["scheduler"].get("T_max", -1) == epochs:
        cfg["scheduler"]["T_max"] = cfg["trainer"]["max_epochs"]
    return run(cfg, checkpoint.choices, folder, resume=checkpoint)
