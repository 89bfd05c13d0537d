"""Reads a run's folder, which may be half written, damaged or somebody else's."""

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError  # type: ignore[import-untyped]

from rnnlab.commands.compare.events import read_log
from rnnlab.commands.compare.run import Lags, LoggedRun
from rnnlab.config.files import plain_yaml
from rnnlab.errors import DataError
from rnnlab.files import read_arrays
from rnnlab.runs.tables import flat

CURVES = ("time_flow", "input_flow", "memory")
"""Files of `diagnostics/`: see `rnnlab.diagnostics.curve_history`."""

UNREADABLE = (OSError, ValueError, YAMLError, OmegaConfBaseException, RecursionError)


class HalfWritten(Exception):  # noqa: N818 - a state of a folder, not an error
    """A run folder that lacks a file, or has only a part of it."""


def read_run(folder: Path) -> LoggedRun:
    """The run in a folder. What is damaged beside configuration and record is left out and named.

    Raises:
        HalfWritten: The folder does not tell what was run.
    """
    cfg = _read(folder / "config.yaml", _config)
    if cfg is None:
        raise HalfWritten("no config.yaml")
    targets = {
        key: str(value["_target_"])
        for key, value in cfg.items()
        if isinstance(value, dict) and "_target_" in value
    }
    log = read_log(folder)
    problems = [*log.problems]
    lags = {}
    for name in CURVES:
        try:
            lags[name] = read_lags(folder / "diagnostics" / f"{name}.npz")
        except DataError as error:
            problems.append(str(error))
    return LoggedRun(
        folder=folder,
        task=_task(folder, targets),
        config=flat(cfg),
        targets=targets,
        record=_read(folder / "metrics.json", _record),
        log=log,
        lags=lags,
        problems=tuple(problems),
    )


def read_lags(path: Path) -> dict[str, Lags]:
    """Curves by layer; empty where there is no file.

    Raises:
        DataError: It cannot be read, or does not hold what `rnnlab.diagnostics.curve_history` says.
    """
    found: dict[str, Lags] = {}
    try:
        with path.open("rb") as stream:
            file = read_arrays(stream)
            steps, layers = file["steps"].astype(np.int64), file["layers"]
            decades = file["decades"].astype(np.float64)
            for number, layer in enumerate(layers.astype(str)):
                curves = decades[:, number] - decades[:, number, :1]
                alive = np.isfinite(curves).any(axis=1)
                if alive.any():
                    found[str(layer)] = Lags(steps[alive], curves[alive])
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, LookupError, EOFError):
        raise DataError(f"{path}: not rnnlab's curves, or damaged") from None
    return found


def _read(file: Path, parse: Callable[[str], dict[str, Any]]) -> dict[str, Any] | None:
    """The content of a file of a run; None where it does not exist."""
    try:
        return parse(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except KeyError as missing:
        raise HalfWritten(f"{file.name} has no {missing.args[0]}") from None
    except (TypeError, AttributeError, OverflowError):
        raise HalfWritten(f"{file.name} is not as rnnlab writes it") from None
    except UNREADABLE:
        raise HalfWritten(f"{file.name} cannot be read") from None


def _config(text: str) -> dict[str, Any]:
    plain: Any = plain_yaml(text)
    cfg = {str(key): value for key, value in plain.items()}
    _need(cfg, "seed", "cell", "data", "trainer", "task")
    if isinstance(cfg["seed"], dict | list):
        raise TypeError
    return cfg


def _record(text: str) -> dict[str, Any]:
    """The content of `metrics.json`, with the types that it is meant to have."""
    found = json.loads(text)
    _need(found, "status", "steps", "monitor", "val", "test")
    metrics = {
        split: {str(k): _number(v) for k, v in found[split].items()} for split in ("val", "test")
    }
    for key in ("alarms", "verdict"):
        if key in found:
            found[key] = [str(sentence) for sentence in found[key]]
    return {
        **found,
        **metrics,
        "steps": int(found["steps"]),
        "score": _number(found.get("score")),
        "parameters": int(found.get("parameters") or 0),
        "train_tokens_per_second": _number(found.get("train_tokens_per_second")) or 0.0,
    }


def _need(found: Mapping[str, Any], *keys: str) -> None:
    missing = [key for key in keys if key not in found]
    if missing:
        raise KeyError(", ".join(missing))


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _task(folder: Path, targets: Mapping[str, str]) -> str:
    try:
        hydra: Any = plain_yaml((folder / ".hydra" / "hydra.yaml").read_text(encoding="utf-8"))
        return str(hydra["hydra"]["runtime"]["choices"]["task"])
    except (*UNREADABLE, TypeError, LookupError):  # a run made in Python
        name = targets.get("data", targets.get("task", "")).rpartition(".")[2]
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
