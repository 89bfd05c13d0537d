"""Starting a training run, a multirun or a resumed run."""

import math
import os
import shutil
import sys
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from rnnlab.config.compose import compose_words, explain, parse, single_runs
from rnnlab.config.hints import suggest
from rnnlab.config.roots import config_dir, register
from rnnlab.errors import ConfigError, RnnlabError

HYDRA = ["rnnlab.runs.sweep.SweepTable"]
"""Classes that Hydra itself may make; `rnnlab.config.trust` decides about all others."""

EXIT_CODES = {"completed": 0, "diverged": 1, "interrupted": 130}

WITH_VALUE = frozenset(
    {"--config-dir", "-cd", "--config-name", "-cn", "--config-path", "-cp", "--package", "-p"}
)
INSPECTING = frozenset({"--cfg", "-c", "--info", "-i", "--shell-completion", "-sc", "--hydra-help"})
FLAGS = WITH_VALUE | INSPECTING | {"--multirun", "-m", "--run", "-r", "--resolve"}
"""What Hydra knows; those with a value may have it behind `=` or as the next word."""


@dataclass(frozen=True)
class Words:
    """A command line, taken apart.

    Attributes:
        overrides: `key=value` words.
        flags: Hydra's flags, with their values.
        search: Folder of the user's own configurations (`--config-dir`).
    """

    overrides: list[str]
    flags: list[str]
    search: Path | None

    @classmethod
    def split(cls, words: list[str]) -> Self:
        """Take a command line apart."""
        overrides: list[str] = []
        flags: list[str] = []
        search: Path | None = None
        rest = iter(words)
        for word in rest:
            if not word.startswith("-"):
                overrides.append(word)
                continue
            name, equals, value = word.partition("=")
            if name not in FLAGS:
                raise ConfigError(f"{name}: no such flag; {suggest(name, FLAGS)}")
            flags.append(word)
            if name in WITH_VALUE and not equals:
                value = next(rest, "")
                flags.append(value)
            if name in ("--config-dir", "-cd"):
                search = Path(value)
        return cls(overrides, flags, search)

    def no_flags(self) -> None:
        """Refuse flags of runs that Hydra starts, for a command that is none.

        Raises:
            ConfigError: Another one than `--config-dir` was given.
        """
        for flag in (flag for flag in self.flags if flag.startswith("-")):
            if flag.partition("=")[0] not in ("--config-dir", "-cd"):
                raise ConfigError(f"{flag}: of use with 'rnnlab train' alone")

    @property
    def multirun(self) -> bool:
        """Whether several runs are asked for."""
        return any(flag in ("-m", "--multirun") for flag in self.flags)

    @property
    def inspects(self) -> bool:
        """Whether Hydra is to show something instead of running."""
        names = {flag.partition("=")[0] for flag in self.flags}
        return bool(names & INSPECTING)

    @staticmethod
    def use_current_folder(cfg: Mapping[str, Any]) -> None:
        """Let trusted packages be imported from the current folder."""
        if cfg.get("trust") and str(Path.cwd()) not in sys.path:
            sys.path.append(str(Path.cwd()))


def launch(words: list[str]) -> int:
    """Train as the words say; the exit code."""
    given = Words.split(words)
    resume = [o for o in given.overrides if o.startswith("resume=")]
    if resume and resume[-1] != "resume=null":
        return _resume(given, resume[-1].removeprefix("resume="))
    if not given.inspects and precheck(given) and not given.multirun:
        words = ["--multirun", *words]
    return run_hydra(words)


def precheck(given: Words) -> bool:
    """Find every mistake that can be found before anything is made.

    Returns:
        Whether there will be several runs: asked for by a flag, or by an experiment that is a
        sweep of its own.

    Raises:
        ConfigError: All problems, one a line.
    """
    from rnnlab.config.validate import find_problems

    first = next(single_runs(given.overrides)) if given.multirun else given.overrides
    composed = compose_words("train", first, given.search)
    said = {override.key_or_group for override in parse(given.overrides)}
    # what the user says instead of a configuration's own sweep counts
    swept = [word for word in composed.swept if word.partition("=")[0].lstrip("+") not in said]
    multirun = given.multirun or bool(composed.swept)
    runs = [composed]
    if multirun:
        every = single_runs([*swept, *given.overrides])
        runs = [compose_words("train", words, given.search) for words in every]
    problems: dict[str, None] = {}
    for each in runs:
        given.use_current_folder(each.cfg)
        problems |= dict.fromkeys(find_problems(each.cfg, each.choices))
        if multirun:
            problems |= dict.fromkeys(_several_processes(each.cfg))
    if problems:
        raise ConfigError("\n".join(problems))
    return multirun


def _several_processes(cfg: Mapping[str, Any]) -> list[str]:
    trainer = cfg["trainer"]
    devices = trainer.get("devices")
    count = len(devices) if isinstance(devices, list) else devices
    if count in (0, 1, "1", "auto", None) and trainer.get("num_nodes", 1) == 1:
        return []
    return [
        f"trainer.devices: {devices} in a multirun cannot work, the processes would each start the "
        "sweep anew; use trainer.devices=1 here, or start the runs one by one without -m"
    ]


def run_hydra(words: list[str]) -> int:
    """Hand over to Hydra: one run, or many.

    Raises:
        ConfigError: Hydra refuses the words.
    """
    import hydra
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    register()
    statuses.clear()
    former, sys.argv = sys.argv, [sys.argv[0], *words]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to us as they are
    try:
        hydra.main(config_path=str(config_dir()), config_name="train", execution_whitelist=HYDRA)(
            job
        )()
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(explain(error)) from None
    except OSError as error:
        raise ConfigError(f"cannot write {error.filename}: {error.strerror}") from None
    finally:
        sys.argv = former
    if refused:
        raise refused.pop()
    return EXIT_CODES[statuses[0]] if len(statuses) == 1 else 0


statuses: list[str] = []
"""How the runs of this process ended, in order."""

refused: list[RnnlabError] = []
"""The user error that a single run ended with: Hydra would print more than its one line."""


def job(cfg: Any) -> float:
    """One run, as Hydra starts it; its score: higher is better, whatever the metric."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    hydra = HydraConfig.get()
    plain: Any = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    Words.use_current_folder(plain)
    from hydra.types import RunMode

    from rnnlab.runs.train import run

    folder = Path(hydra.runtime.output_dir)
    if folder.is_relative_to(Path.cwd()):
        folder = folder.relative_to(Path.cwd())
    try:
        outcome = run(plain, dict(hydra.runtime.choices), folder)
    except RnnlabError as error:
        if hydra.mode is not RunMode.RUN:
            raise
        refused.append(error)
        discard(folder)
        return -math.inf
    statuses.append(outcome.status)
    if outcome.status == "interrupted" and hydra.mode is not RunMode.RUN:
        raise KeyboardInterrupt  # the sweep was meant, not this run alone
    return outcome.score


def discard(folder: Path) -> None:
    """Remove the folder of a run that was refused before it began; one that holds more stays."""
    hydra, config, checkpoints = (folder / n for n in (".hydra", "config.yaml", "checkpoints"))
    with suppress(OSError):  # up to the first folder that holds something else
        if set(folder.iterdir()) <= {hydra, config, checkpoints} and not any(checkpoints.glob("*")):
            shutil.rmtree(folder)
            for parent in folder.parents:
                parent.rmdir()


def _resume(given: Words, folder: str) -> int:
    if given.multirun:
        raise ConfigError("resume: one run is continued at a time, without -m")
    if not folder:
        raise ConfigError("resume: name the run's folder, resume=outputs/...")
    kept = [o for o in given.overrides if not o.startswith("resume=")]
    trusted: list[str] = []
    for override in parse(kept):
        if override.key_or_group == "trust":
            value = override.value()
            trusted = [str(v) for v in value] if isinstance(value, list) else [str(value)]
    Words.use_current_folder({"trust": trusted})
    from rnnlab.runs.train import resume_run

    outcome = resume_run(Path(folder), kept, trusted)
    return EXIT_CODES[outcome.status]
