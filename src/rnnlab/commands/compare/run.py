"""A run as read from its folder: what it was, what it logged, and what follows from that."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import copysign
from pathlib import Path
from typing import Any

from hydra.utils import get_class
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from rnnlab.commands.compare.events import Log, Series, read_log
from rnnlab.config.trust import allowed
from rnnlab.runs.tables import MISSING, flat

END = "/half_life"
"""Last part of the names of the scalars `flow/<layer>/half_life`."""

UNFINISHED = "unfinished"
"""Status of a run without a record: it is still training, or it was killed."""

NEEDED = {
    "config.yaml": ("seed", "cell", "data", "trainer", "task"),
    "metrics.json": ("status", "steps", "monitor", "val", "test"),
}
"""Without these keys a file is not a run's, or not all of it."""


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
        if value is None or isinstance(value, bool):
            return json.dumps(value)
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
    cfg = _read(folder / "config.yaml", lambda text: OmegaConf.to_container(OmegaConf.create(text)))
    if cfg is None:
        raise HalfWritten("no config.yaml")
    targets = {
        key: str(value["_target_"])
        for key, value in cfg.items()
        if isinstance(value, dict) and "_target_" in value
    }
    return Run(
        folder=folder,
        task=_task(folder, targets),
        config=flat(cfg),
        targets=targets,
        record=_read(folder / "metrics.json", json.loads),
        log=read_log(folder),
    )


def half_lives(run: Run) -> Mapping[str, Series]:
    """Half-life of dL/dh_t in steps over the training, by layer and direction."""
    return {
        tag.removeprefix("flow/").removesuffix(END): series
        for tag, series in run.scalars("flow/").items()
        if tag.endswith(END)
    }


def half_life(run: Run, which: int = -1) -> float | None:
    """The half-life of the layer that reaches back farthest; None where it was not measured.

    Args:
        run: A run.
        which: Of the measurements the last (-1) or the first (0).
    """
    every = [float(series.values[which]) for series in half_lives(run).values()]
    return max(every) if every else None


def solved(run: Run) -> bool | None:
    """Whether a memory task's goal was reached; None where no goal is known, or no end.

    The goal stands in the class of the data, if that is one of rnnlab's own: a run folder may come
    from anywhere, and must not decide which code is imported.
    """
    target = run.targets.get("data", "")
    if run.status != "completed" or run.record is None or not allowed(target, []):
        return None
    goal: tuple[str, float] | None = getattr(get_class(target), "goal", None)
    if goal is None:
        return None
    name, limit = goal
    value = run.metrics.get(f"val/{name}")
    score = run.record.get("score")
    if value is None or score is None:
        return False
    lower_is_better = score == -value and (value != 0 or copysign(1.0, score) < 0)
    return value <= limit if lower_is_better else value >= limit


def _read(file: Path, parse: Callable[[str], Any]) -> dict[str, Any] | None:
    """The content of a file of a run; None where it does not exist."""
    try:
        content = parse(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, YAMLError, OmegaConfBaseException):
        raise HalfWritten(f"{file.name} cannot be read") from None
    found = {str(key): value for key, value in content.items()} if isinstance(content, dict) else {}
    missing = [key for key in NEEDED[file.name] if key not in found]
    if missing:
        raise HalfWritten(f"{file.name} has no {', '.join(missing)}")
    return found


def _task(folder: Path, targets: Mapping[str, str]) -> str:
    try:
        hydra: Any = OmegaConf.load(folder / ".hydra" / "hydra.yaml")
        return str(hydra.hydra.runtime.choices.task)
    except (OSError, YAMLError, OmegaConfBaseException):  # a run made in Python
        name = targets.get("data", targets.get("task", "")).rpartition(".")[2]
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
