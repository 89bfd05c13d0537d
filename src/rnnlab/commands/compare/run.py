"""A run as read from its folder: finished, still training, diverged or interrupted."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from rnnlab.commands.compare.events import Log, Series, read_log
from rnnlab.runs.tables import MISSING, flat

UNFINISHED = "unfinished"
"""Status of a run without a record: it is still training, or it was killed."""

NEEDED = ("seed", "cell", "data", "trainer", "task")
"""Without these a `config.yaml` is not a run's, or not all of it."""


class HalfWritten(Exception):  # noqa: N818 - a state of a folder, not an error
    """A run folder that lacks a file, or has only a part of it."""


@dataclass(frozen=True)
class Run:
    """One run.

    Attributes:
        folder: Where it is.
        task: Name of the task on the command line; of a run made in Python the class of its data.
        config: Its options by dotted key; the key of a component gives its class.
        targets: Full name of the class of each component.
        record: Content of `metrics.json`; None while there is none.
        log: What it has logged.
    """

    folder: Path
    task: str
    config: Mapping[str, Any]
    targets: Mapping[str, str]
    record: Mapping[str, Any] | None
    log: Log

    @property
    def status(self) -> str:
        """Completed, interrupted or diverged; `unfinished` without a record."""
        return UNFINISHED if self.record is None else str(self.record["status"])

    @property
    def step(self) -> int:
        """Optimiser steps, as far as is known."""
        if self.record is not None:
            return int(self.record["steps"])
        return max((int(series.steps[-1]) for series in self.log.scalars.values()), default=0)

    @property
    def seed(self) -> Any:
        """Its seed."""
        return self.config["seed"]

    def shown(self, key: str) -> str:
        """An option's value as in YAML; `-` where the run does not have it, of `task` its name."""
        value = self.task if key == "task" else self.config.get(key, MISSING)
        if value is None:
            return "null"
        if isinstance(value, bool):
            return str(value).lower()
        return f"{value:g}" if isinstance(value, float) else str(value)

    @property
    def lag(self) -> float | None:
        """Steps over which its task needs memory; None where that is not known."""
        lag = self.config.get("data.lag")
        return float(lag) if isinstance(lag, int | float) else None

    @property
    def metrics(self) -> dict[str, float | None]:
        """Metrics as `val/NAME` and `test/NAME`: the record's, or else the last ones logged."""
        if self.record is not None:
            return {
                f"{split}/{name}": value
                for split in ("val", "test")
                for name, value in self.record[split].items()
            }
        return {k: s.last for k, s in self.log.scalars.items() if k.startswith("val/")}

    @property
    def alarms(self) -> list[str] | None:
        """The sentences of its alarms; None where nothing may have watched for any."""
        if self.record is not None and "alarms" in self.record:
            return [str(alarm) for alarm in self.record["alarms"]]
        texts = {tag: said for tag, said in self.log.texts.items() if tag.startswith("alarm")}
        gone = [s.partition("it learns: ")[2] for s in texts.get("alarm/withdrawn", [])]
        told = [s for tag, said in texts.items() if tag != "alarm/withdrawn" for s in said]
        return [s for s in dict.fromkeys(told) if s not in gone] if texts else None

    def scalars(self, prefix: str) -> dict[str, Series]:
        """All scalars below a prefix such as `flow/`, under their full names."""
        found = self.log.scalars.items()
        return {tag: series for tag, series in found if tag.startswith(prefix)}


def read_run(folder: Path) -> Run:
    """The run in a folder.

    Raises:
        HalfWritten: The folder does not tell what was run.
        DataError: Its event files cannot be read.
    """
    cfg = _read_config(folder / "config.yaml")
    targets = dict(_targets(cfg))
    return Run(
        folder=folder,
        task=_task(folder, targets),
        config=flat(cfg),
        targets=targets,
        record=_read_record(folder / "metrics.json"),
        log=read_log(folder),
    )


def _read_config(file: Path) -> dict[str, Any]:
    try:
        cfg: Any = OmegaConf.to_container(OmegaConf.load(file))
    except FileNotFoundError:
        raise HalfWritten(f"no {file.name}") from None
    except (OSError, UnicodeDecodeError, YAMLError, OmegaConfBaseException):
        raise HalfWritten(f"{file.name} cannot be read") from None
    missing = [key for key in NEEDED if not isinstance(cfg, dict) or key not in cfg]
    if missing:
        raise HalfWritten(f"{file.name} has no {', '.join(missing)}")
    return {str(key): value for key, value in cfg.items()}


def _read_record(file: Path) -> dict[str, Any] | None:
    try:
        record = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        raise HalfWritten(f"{file.name} cannot be read") from None
    needed = ("status", "steps", "monitor", "val", "test")
    if not isinstance(record, dict) or not set(needed) <= set(record):
        raise HalfWritten(f"{file.name} is not a run's record")
    return record


def _task(folder: Path, targets: Mapping[str, str]) -> str:
    try:
        hydra: Any = OmegaConf.load(folder / ".hydra" / "hydra.yaml")
        return str(hydra.hydra.runtime.choices.task)
    except (OSError, YAMLError, OmegaConfBaseException):  # a run made in Python
        name = targets.get("data", targets.get("task", "")).rpartition(".")[2]
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _targets(cfg: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, value in cfg.items():
        if isinstance(value, dict) and "_target_" in value:
            yield key, str(value["_target_"])
