"""Goes on with a run that was stopped, killed or is to last longer."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import chdir
from dataclasses import replace
from pathlib import Path
from typing import Any

from lightning import Callback

from rnnlab.config.compose import explain
from rnnlab.config.files import NOT_PLAIN, read_yaml
from rnnlab.config.overrides import override_values, parse
from rnnlab.errors import CheckpointError, ConfigError, counted
from rnnlab.runs.build import Config
from rnnlab.runs.dry_build import check_run
from rnnlab.runs.finish import Outcome
from rnnlab.runs.folders import claimed
from rnnlab.runs.sweep import read_record
from rnnlab.runs.train import run
from rnnlab.training.checkpoint import find_checkpoint, load_plain, read_checkpoint

_log = logging.getLogger(__name__)

FILES = ("data.train", "data.val", "data.test", "embedding.path")
"""Options that a resumed run may say anew; files of the training that have changed are refused."""

CHANGEABLE = (
    *("trainer.", "diagnostics.", "checkpoint.", "early_stopping."),
    *("data.root", "embedding.root", "trust"),
)
"""Options that a resumed run may change; weights and optimiser state depend on all others."""


def resume_run(
    folder: Path,
    overrides: list[str],
    trusted: list[str],
    callbacks: Sequence[Callback] = (),
    *,
    alone: bool = True,
) -> Outcome:
    """Continue a run in its own folder; relative paths are those of the folder where it started.

    A run that was killed between its last epoch and its test is only tested.

    Args:
        folder: The run's folder.
        overrides: Changed values, as `key=value`; a larger `trainer.max_epochs`, say.
        trusted: Packages of the user's own that the configuration may name.
        callbacks: See `run`.
        alone: See `run`.

    Raises:
        CheckpointError: There is nothing to continue from.
        ConfigError: An override that the run's configuration has no place for, a run that has
            nothing left to do, or one that another process works on.
    """
    for override in parse(overrides):
        key = override.key_or_group
        if not key.startswith(CHANGEABLE) and key not in FILES:
            what = ", ".join([*CHANGEABLE, *FILES])
            raise ConfigError(f"{key}: cannot change in a resumed run; what can: {what}")
    last = find_checkpoint(folder, "last")
    if last == folder:
        raise ConfigError(f"resume: {folder} is a file; name the run's folder")
    with claimed(folder, resume=True):
        checkpoint = read_checkpoint(last, trusted)
        cfg = override_values(checkpoint.cfg, [_from_here(word) for word in overrides])
        epochs = checkpoint.cfg["trainer"].get("max_epochs")
        if cfg["scheduler"] and cfg["scheduler"].get("T_max", -1) == epochs:
            cfg["scheduler"]["T_max"] = cfg["trainer"]["max_epochs"]
        check_run(cfg, checkpoint.choices, training=True)
        content = load_plain(last)
        try:
            done = nothing_left(cfg, content)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise CheckpointError(f"{last}: broken, its progress is missing ({error!r})") from None
        record = read_record(folder)
        of_last = record.get("steps") == content["global_step"]
        if done and of_last and record["status"] != "interrupted":
            raise ConfigError(f"resume: {done}")
        began = _began_in(folder)
        if began != Path.cwd():
            folder = folder.absolute()
            checkpoint = replace(checkpoint, path=checkpoint.path.absolute())
        with chdir(began):
            return run(
                cfg,
                checkpoint.choices,
                folder,
                resume=checkpoint,
                callbacks=callbacks,
                alone=alone,
            )


def nothing_left(cfg: Config, content: Mapping[str, Any]) -> str | None:
    """Why a run trains no more, and what would let it; None where it has not ended.

    Args:
        cfg: Its configuration, with what is changed.
        content: Its last checkpoint.
    """
    trainer, patience = cfg["trainer"], cfg["early_stopping"]["patience"]
    # saved at an epoch's end, before it counts as completed
    epochs = int(content["loops"]["fit_loop"]["epoch_progress"]["current"]["processed"])
    steps, wanted = int(content["global_step"]), trainer.get("max_epochs")
    states = content["callbacks"].items()
    waited = next((s["wait_count"] for key, s in states if key.startswith("EarlyStopping")), 0)
    if wanted is not None and 0 <= wanted <= epochs:
        return (
            f"the run has all of its {counted(epochs, 'epoch')}; ask for more, "
            f"such as trainer.max_epochs={epochs + 1}"
        )
    if 0 <= trainer.get("max_steps", -1) <= steps:
        done = counted(steps, "step")
        return f"the run has all of its {done}; ask for more with trainer.max_steps"
    free = epochs >= (trainer.get("min_epochs") or 0)
    if patience is not None and waited >= max(1, patience) and free:
        return (
            f"the run was ended by early_stopping.patience={patience}; ask for more, "
            f"such as early_stopping.patience={waited + 1}"
        )
    return None


def _from_here(word: str) -> str:
    """A file said anew is looked for from the present folder."""
    key, _, path = word.partition("=")
    return f"{key}={Path(path).absolute()}" if key in FILES and Path(path).exists() else word


def _began_in(folder: Path) -> Path:
    """The folder that the run was started in; the present one where that is not known or gone."""
    file = folder / ".hydra" / "hydra.yaml"
    if file.is_file():
        try:
            began = read_yaml(file)["hydra"]["runtime"]["cwd"]
        except NOT_PLAIN as error:
            _log.warning("%s: damaged (%s); relative paths are those of here", file, explain(error))
            return Path.cwd()
        if began and Path(str(began)).is_dir():
            return Path(str(began))
    return Path.cwd()
