"""From a finished run's folder to one small record, or to a reason why not."""

import json
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from results.words import shortest
from rnnlab.errors import RnnlabError
from rnnlab.training.checkpoint import load_plain

FORMAT = 1
LIMITS = ("limit_train_batches", "limit_val_batches", "limit_test_batches")
SHAPING = {
    "output": "output",
    "constrained": "constrained",
    "pooling": "pooling",
    "attention": "attention",
    "tie_word_embeddings": "tied",
    "num_beams": "beam",
}
"""Options of tasks that say what the model is, beside its encoder; and how they are called."""

Record = dict[str, Any]


class Refused(Exception):  # noqa: N818 - a state of a run, not a mistake
    """A run whose figures are not results; says why."""


def read(folder: Path) -> Record:
    """The record of the run in a folder.

    Raises:
        Refused: It has not ended, has no test metrics, saw a part of its data only, or cannot be
            read or repeated.
    """
    run = _json(folder / "metrics.json")
    cfg, hydra = _yaml(folder / "config.yaml"), _yaml(folder / ".hydra" / "hydra.yaml")
    overrides = OmegaConf.to_container(OmegaConf.load(folder / ".hydra" / "overrides.yaml"))
    choices = {k: v for k, v in hydra["hydra"]["runtime"]["choices"].items() if "/" not in k}
    _check(run, cfg)
    try:
        words = shortest(overrides, cfg, choices)
    except RnnlabError as error:
        raise Refused(" ".join(str(error).split())) from None
    machine = run["machine"]
    experiment = choices.get("experiment")
    named = [f"experiment={experiment}"] if experiment else []
    return {
        "experiment": experiment,
        "overrides": words,
        "seed": run["seed"],
        "command": shlex.join(["rnnlab", "train", *named, *words, f"seed={run['seed']}"]),
        "task": choices["task"],
        "data": choices["data"],
        "model": model(cfg, choices),
        "parameters": run["parameters"],
        "monitor": run["monitor"],
        "val": run["val"],
        "test": run["test"],
        "scorers": run["scorers"],
        "baseline": run["baseline"]["test"] if "baseline" in run else None,
        "epochs": run["epochs"],
        "best_epoch": run["best_epoch"] if "best_epoch" in run else _best_epoch(folder),
        "minutes": round(run["wall_seconds"] / 60, 2),
        "threads": machine["threads"],
        "device": machine["gpu"] or machine["processor"],
        "torch": run["versions"]["torch"],
        "date": run["date"][:10],
        "git": run["git"],
    }


def model(cfg: Mapping[str, Any], choices: Mapping[str, Any]) -> str:
    """The net in a few words, such as `BiLSTM 200, glove.6B.100d, characters cnn, crf`."""
    encoder, cell = cfg["encoder"], cfg["cell"]
    if "num_layers" in encoder:
        deep = f"{encoder['num_layers']} x " if encoder["num_layers"] > 1 else ""
        if "model_size" in encoder:
            deep = f"{encoder['num_layers']} blocks of "
        both = "Bi" if encoder["bidirectional"] else ""
        parts = [f"{deep}{both}{_name(cell)} {cell.get('hidden_size', '')}".strip()]
    else:
        parts = [_name(encoder)]
    path = cfg["embedding"].get("path")
    if path:
        parts.append(Path(path).name.removesuffix(".gz").removesuffix(".txt"))
    if cfg.get("characters"):
        parts.append(f"characters {choices['characters']}")
    for key, name in SHAPING.items():
        value = cfg["task"].get(key)
        if isinstance(value, str):
            parts.append(value if key == "output" else f"{name} {value}")
        elif value:
            parts.append(name if value is True else f"{name} {value}")
    return ", ".join(parts)


def add(records: Sequence[Record], new: Record) -> list[Record]:
    """Records with a new one, in place of that of the same experiment, overrides and seed."""
    kept = [each for each in records if identity(each) != identity(new)]
    return sorted([*kept, new], key=identity)


def identity(record: Mapping[str, Any]) -> tuple[str, list[str], int]:
    """What tells a record from all others."""
    return record["experiment"] or "", sorted(record["overrides"]), record["seed"]


def load(path: Path) -> list[Record]:
    """Records so far; none where there is no file.

    Raises:
        Refused: The file has another format.
    """
    if not path.exists():
        return []
    content = _json(path)
    if content.get("format") != FORMAT:
        raise Refused(f"{path}: format {content.get('format')}, this script reads {FORMAT}")
    return list(content["runs"])


def _check(run: Mapping[str, Any], cfg: Mapping[str, Any]) -> None:
    if run["status"] != "completed":
        raise Refused(f"it is {run['status']}, not completed")
    if run["monitor"].partition("/")[2] not in run["test"]:
        raise Refused("it has no test metrics")
    for name in LIMITS:
        if cfg["trainer"].get(name) is not None:
            raise Refused(f"it saw a part of its data only (trainer.{name})")


def _best_epoch(folder: Path) -> int | None:
    """The epoch of the best checkpoint, of runs whose record does not say it."""
    path = folder / "checkpoints" / "best.ckpt"
    return int(load_plain(path)["epoch"]) + 1 if path.is_file() else None


def _name(node: Mapping[str, Any]) -> str:
    return str(node["_target_"]).rpartition(".")[2]


def _json(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise Refused(f"no {path.name}: it has not ended, or was killed") from None
    except (OSError, ValueError) as error:
        raise Refused(f"{path.name} cannot be read ({error})") from None
    return content


def _yaml(path: Path) -> dict[str, Any]:
    try:
        return dict(OmegaConf.to_container(OmegaConf.load(path), resolve=False))  # type: ignore[arg-type]
    except (OSError, YAMLError, OmegaConfBaseException) as error:
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise Refused(f"{path.name} cannot be read ({first})") from None
