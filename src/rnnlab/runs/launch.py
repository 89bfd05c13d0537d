"""Starting a run, a multirun or a resumed run."""

import json
import math
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from hydra import initialize_config_dir
from hydra._internal.callbacks import Callbacks
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import run_job
from hydra.errors import HydraException
from hydra.types import HydraContext
from hydra.utils import execution_whitelist
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnlab.config.command_line import CommandLine, use_current_folder
from rnnlab.config.compose import Composed, compose_words, explain, groups, register, resolved
from rnnlab.config.files import config_dir
from rnnlab.config.overrides import each_value, grid, parse
from rnnlab.config.validate import find_problems, validate
from rnnlab.errors import ConfigError, RnnlabError
from rnnlab.runs.folders import new_folder, remove_unused

EXIT_CODES = {"completed": 0, "diverged": 1, "interrupted": 130}

HYDRA = ["rnnlab.runs.sweep.SweepTable"]
"""Classes that Hydra itself may make; `rnnlab.config.trust` decides about all others."""


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
    first = next(each_value(line.overrides)) if line.multirun else line.overrides
    composed = compose_words("train", first, line.search)
    if line.multirun or composed.swept:
        return _multirun(line, composed)
    check_run(composed.cfg, composed.choices)
    return _single(composed)


def check_run(cfg: dict[str, Any], choices: Mapping[str, Any]) -> None:
    """Check one run before anything is made.

    Raises:
        ConfigError: All problems, one a line.
    """
    validate(cfg, choices)
    from rnnlab.runs.dry_build import check_fit  # imports torch: other mistakes are reported sooner

    problems = check_fit(cfg)
    if problems:
        raise ConfigError("\n".join(problems))


def check_all(line: CommandLine, composed: Composed) -> int:
    """Check every job of a multirun before the first one starts.

    Jobs that choose the same groups are composed once; a search tries each value of its space.

    Args:
        line: The command line.
        composed: Its first job.

    Returns:
        The number of jobs that were checked.

    Raises:
        ConfigError: All problems, one a line.
    """
    from rnnlab.runs.dry_build import check_fit, fit_key

    words = [*_own_sweep(line, composed), *line.overrides]
    search = not composed.hydra.hydra.sweeper._target_.endswith(".BasicSweeper")
    jobs: Iterable[list[str]] = each_value(words) if search else grid(words)
    problems: dict[str, None] = {}
    fits: dict[str, dict[str, Any]] = {}
    count = 0
    for cfg, choices in _composed_jobs(jobs, line):
        count += 1
        found = [*find_problems(cfg, choices), *_several_processes(cfg)]
        problems |= dict.fromkeys(found)
        if not found:
            fits.setdefault(fit_key(cfg), cfg)
    for cfg in fits.values():
        problems |= dict.fromkeys(check_fit(cfg))
    if problems:
        raise ConfigError("\n".join(problems))
    return count


def _own_sweep(line: CommandLine, composed: Composed) -> list[str]:
    """What the configuration sweeps over itself, without the keys that the user overrides."""
    given = {override.key_or_group for override in parse(line.overrides)}
    return [word for word in composed.swept if word.partition("=")[0].lstrip("+") not in given]


def _composed_jobs(
    jobs: Iterable[list[str]], line: CommandLine
) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """The configuration of each job, and its choices; composed again where a choice differs."""
    offered, known = groups("train"), dict[str, Composed]()
    for words in jobs:
        overrides = parse(words)
        values = [o for o in overrides if o.key_or_group not in offered and not o.is_delete()]
        rest = [o.input_line or "" for o in overrides if o not in values]
        key = json.dumps(rest)
        if key not in known:
            known[key] = compose_words("train", rest, line.search)
        cfg = known[key].hydra.copy()
        OmegaConf.set_struct(cfg, False)
        for override in values:
            OmegaConf.update(cfg, override.key_or_group, override.value(), merge=True)
        try:
            yield resolved(cfg), known[key].choices
        except OmegaConfBaseException as error:
            raise ConfigError(explain(error)) from None


def _several_processes(cfg: Mapping[str, Any]) -> list[str]:
    trainer = cfg["trainer"]
    devices = trainer.get("devices")
    count = len(devices) if isinstance(devices, list) else devices
    if count in (0, 1, "1", "auto", None) and trainer.get("num_nodes", 1) == 1:
        return []
    return [
        f"trainer.devices: {devices} cannot work in a multirun: each process would start the whole "
        "sweep; use trainer.devices=1 here, or start the runs one by one without -m"
    ]


def _single(composed: Composed) -> int:
    """One run, in a folder of its own."""
    cfg = composed.hydra
    folder = _folder(composed, "hydra.run.dir")
    cfg.hydra.run.dir = str(folder)
    ended: list[str | RnnlabError] = []

    def train(_: DictConfig) -> None:
        from rnnlab.runs.train import run

        try:
            ended.append(run(composed.cfg, composed.choices, folder).status)
        except RnnlabError as error:  # Hydra would print more than its one line
            ended.append(error)

    try:
        with execution_whitelist(HYDRA):
            context = HydraContext(None, Callbacks(cfg), HYDRA)  # type: ignore[arg-type]
            done = run_job(train, cfg, "hydra.run.dir", None, context)
        done.return_value  # noqa: B018 - raises what the run raised
    except OSError as error:
        raise ConfigError(f"cannot write {error.filename}: {error.strerror}") from None
    if isinstance(ended[0], RnnlabError):
        remove_unused(folder)
        raise ended[0]
    return EXIT_CODES[ended[0]]


def _multirun(line: CommandLine, composed: Composed) -> int:
    """Several runs, by Hydra's sweeper and launcher."""
    check_all(line, composed)
    words = list(line.overrides)
    words.append(f"hydra.sweep.dir={_folder(composed, 'hydra.sweep.dir')}")
    if line.search:
        words.append(f"hydra.searchpath=['file://{line.search.resolve()}']")
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come as they are, without a message beside them
    try:
        with initialize_config_dir(str(config_dir())), execution_whitelist(HYDRA):
            hydra = GlobalHydra.instance().hydra
            assert hydra is not None
            hydra.multirun("train", job, words)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(explain(error)) from None
    except OSError as error:
        raise ConfigError(f"cannot write {error.filename}: {error.strerror}") from None
    return 0


def _folder(composed: Composed, key: str) -> Path:
    """The folder that a configuration names: a new one, unless the user named it."""
    named = any(o.startswith(f"{key}=") for o in composed.hydra.hydra.overrides.hydra)
    folder = Path(str(OmegaConf.select(composed.hydra, key)))
    return folder if named else new_folder(folder)


def job(cfg: DictConfig) -> float:
    """One job of a multirun, as Hydra starts it; its score: higher is better."""
    from hydra.core.hydra_config import HydraConfig

    from rnnlab.runs.train import run

    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    if folder.is_relative_to(Path.cwd()):
        folder = folder.relative_to(Path.cwd())
    plain, choices = resolved(cfg), dict(hydra.runtime.choices)
    validate(plain, choices)  # a search draws its values only now
    outcome = run(plain, choices, folder)
    if outcome.status == "interrupted":
        raise KeyboardInterrupt  # stop the whole sweep, not only this run
    return outcome.score if outcome.score is not None else -math.inf


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
    if line.multirun:
        raise ConfigError("resume: one run is continued at a time, without -m")
    if not folder:
        raise ConfigError("resume: name the run's folder, resume=outputs/...")
    from rnnlab.runs.train import resume_run

    kept = line.without("resume")
    trusted: list[str] = []
    for override in parse(kept):
        if override.key_or_group == "trust":
            value = override.value()
            trusted = [str(v) for v in value] if isinstance(value, list) else [str(value)]
    use_current_folder({"trust": trusted})
    return EXIT_CODES[resume_run(Path(folder), kept, trusted).status]
