"""Starting a run, a multirun or a resumed run."""

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hydra._internal.callbacks import Callbacks
from hydra.core.utils import run_job
from hydra.errors import HydraException
from hydra.types import HydraContext
from hydra.utils import execution_whitelist
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnlab.config.command_line import CommandLine, use_current_folder
from rnnlab.config.compose import Composed, explain, register
from rnnlab.config.files import config_dir
from rnnlab.config.overrides import override_values
from rnnlab.errors import ConfigError, RnnlabError
from rnnlab.runs.folders import claimed, is_first_process, new_folder, remove_unused
from rnnlab.runs.jobs import check_jobs
from rnnlab.runs.peers import Peers
from rnnlab.runs.sweep_job import has_ledger

if TYPE_CHECKING:  # they import torch: other mistakes are reported sooner
    from lightning import Callback

    from rnnlab.runs.finish import Outcome

EXIT_CODES = {"completed": 0, "untrained": 1, "diverged": 1, "interrupted": 130}


def launch(words: list[str]) -> int:
    """Train as the words say; the exit code.

    Raises:
        RnnlabError: A user error, found before anything is written where possible.
    """
    line = CommandLine.split(words)
    if line.inspects:
        return _inspect(words)
    folder = line.value("resume")
    if folder not in (None, "null"):
        return _resume(line, str(folder))
    composed, several = check_jobs(line)
    if not several:
        return EXIT_CODES[train_one(composed).status]
    if Peers.found(composed.cfg) is not None:
        raise ConfigError(
            "-m: torchrun and srun start the processes of one run; a sweep starts its own, so "
            "leave them out"
        )
    from rnnlab.runs.multirun import run_sweep  # imports Optuna

    return run_sweep(line, composed, _folder(composed, "hydra.sweep.dir"), several)


def train_one(composed: Composed, callbacks: "Sequence[Callback]" = ()) -> "Outcome":
    """One run, in a folder of its own.

    Args:
        composed: Its configuration, checked.
        callbacks: A caller's own.

    Raises:
        RnnlabError: A user error; nothing is left behind.
        OSError: A file cannot be written or read.
    """
    cfg = composed.hydra
    peers = Peers.found(composed.cfg)
    if peers is None or _is_named(composed, "hydra.run.dir"):
        folder = _folder(composed, "hydra.run.dir")
    else:
        folder = peers.agree(lambda: _folder(composed, "hydra.run.dir"))
    cfg.hydra.run.dir = str(folder)
    if not is_first_process():
        cfg.hydra.output_subdir = None  # the first one writes it, and takes it away at an error

    def train(_: DictConfig) -> "Outcome | RnnlabError | OSError":
        from rnnlab.runs.train import run

        try:
            return run(composed.cfg, composed.choices, folder, callbacks=callbacks)
        except (RnnlabError, OSError) as error:  # Hydra would print more than its one line
            return error

    with claimed(folder, resume=False), execution_whitelist([]):
        context = HydraContext(None, Callbacks(cfg), [])  # type: ignore[arg-type]
        ended: Outcome | RnnlabError | OSError = run_job(
            train, cfg, "hydra.run.dir", None, context
        ).return_value
    if isinstance(ended, RnnlabError | OSError):
        remove_unused(folder)
        raise ended
    return ended


def _folder(composed: Composed, key: str) -> Path:
    """The folder that a configuration names: a new one, unless the user named it."""
    folder = Path(str(OmegaConf.select(composed.hydra, key))).expanduser()
    return folder if _is_named(composed, key) else new_folder(folder)


def _is_named(composed: Composed, key: str) -> bool:
    return any(o.startswith(f"{key}=") for o in composed.hydra.hydra.overrides.hydra)


def _inspect(words: list[str]) -> int:
    """Let Hydra show what it was asked for (`--cfg`, `--info`)."""
    import hydra

    register()
    former, sys.argv = sys.argv, [sys.argv[0], *words]
    try:
        hydra.main(config_path=str(config_dir()), config_name="train")(partial(print, end=""))()
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(explain(error)) from None
    finally:
        sys.argv = former
    return 0


def _resume(line: CommandLine, folder: str) -> int:
    if not folder:
        raise ConfigError("resume: name the folder of a run or a sweep, resume=outputs/...")
    path = Path(folder).expanduser()
    alone = (path / "checkpoints").is_dir() or not any(path.glob("*/metrics.json"))
    if line.multirun or has_ledger(path) or not alone:
        from rnnlab.runs.multirun import resume_sweep  # imports Optuna

        return resume_sweep(line, path)
    from rnnlab.runs.resume import resume_run

    kept = line.without("resume")
    trusted = override_values({"trust": []}, [w for w in kept if w.startswith("trust=")])
    use_current_folder(trusted)
    return EXIT_CODES[resume_run(path, kept, trusted["trust"]).status]
