"""Checkpoints: written by Lightning, with config and spec as plain dicts; read without pickles."""

import pickle
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from rnnlab.config.defaults import with_defaults
from rnnlab.config.roots import TrainConfig
from rnnlab.config.trust import allowed, refusal, targets
from rnnlab.config.validate import find_problems
from rnnlab.data.spec import Spec
from rnnlab.errors import CheckpointError
from rnnlab.training.convert import FORMAT, KEY, convert


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read and found sound.

    Attributes:
        path: The file.
        cfg: The run's resolved configuration, plain values.
        choices: The choice made for each group.
        spec: The data's spec.
        state_dict: The module's parameters and buffers.
        sources: sha256 of the checkpoints that training started from, by path.
    """

    path: Path
    cfg: dict[str, Any]
    choices: dict[str, Any]
    spec: Spec
    state_dict: dict[str, torch.Tensor]
    sources: dict[str, str]


def stamp(
    cfg: dict[str, Any], choices: dict[str, Any], spec: Spec, sources: Mapping[str, str]
) -> dict[str, Any]:
    """What a run adds to Lightning's checkpoint so that it explains itself; see `Checkpoint`."""
    return {
        "format": FORMAT,
        "config": cfg,
        "choices": choices,
        "spec": spec.to_dict(),
        "sources": dict(sources),
    }


def find_checkpoint(path: str | Path, name: str = "best") -> Path:
    """A checkpoint file from a file or a run folder.

    Raises:
        CheckpointError: There is none.
    """
    given = Path(path).expanduser()
    if given.is_file():
        return given
    candidates = [given / "checkpoints" / f"{each}.ckpt" for each in dict.fromkeys([name, "last"])]
    for candidate in candidates:
        if candidate.is_file():
            return candidate
    if given.is_dir():
        raise CheckpointError(f"{given}: no checkpoints/{name}.ckpt in this folder")
    raise CheckpointError(f"{given}: no such checkpoint or run folder")


def read_checkpoint(path: Path, trusted: Sequence[str] = ()) -> Checkpoint:
    """Read a checkpoint without running anything that it holds.

    Raises:
        CheckpointError: Broken, not one of rnnlab's, of another format, a pickle that asks for
            code to run, or a configuration that names a class outside of the trusted ones.
    """
    content = load_plain(path)
    state = content.get(KEY) if isinstance(content, dict) else None
    if not isinstance(state, dict) or not isinstance(content.get("state_dict"), dict):
        raise CheckpointError(f"{path}: not a checkpoint of rnnlab")
    if state.get("format") != FORMAT:
        raise CheckpointError(
            f"{path}: checkpoint format {state.get('format')}, this rnnlab reads 1 to {FORMAT}"
        )
    try:
        cfg = {key: value for key, value in state["config"].items() if key != "trust"}
        choices = dict(state["choices"])
        spec = Spec.from_dict(state["spec"])
        sources = dict(state.get("sources", {}))  # older ones have none
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f"{path}: broken, what it says of itself is incomplete ({error!r})"
        ) from None
    for key, target in targets(cfg):
        if not allowed(target, trusted):
            raise CheckpointError(f"{path}: refused, nothing of it was run: {refusal(key, target)}")
    cfg["trust"] = list(trusted)  # a checkpoint cannot ask for trust itself
    cfg = with_defaults(cfg, TrainConfig)  # options that are newer than the checkpoint
    for problem in find_problems(cfg, choices):
        raise CheckpointError(f"{path}: its configuration does not fit this rnnlab: {problem}")
    return Checkpoint(path, cfg, choices, spec, content["state_dict"], sources)


def load_plain(path: Path) -> Any:
    """A checkpoint file, converted to today's names.

    Raises:
        CheckpointError: Broken, or it holds more than tensors and plain values.
    """
    try:
        if not zipfile.is_zipfile(path):
            raise CheckpointError(f"{path}: broken or not a checkpoint; nothing of it was run")
        content = torch.load(path, map_location="cpu", weights_only=True)
    except CheckpointError:
        raise
    except pickle.UnpicklingError:
        raise CheckpointError(
            f"{path}: refused, nothing of it was run: it holds more than tensors and plain values"
        ) from None
    except Exception as error:  # damaged bytes can raise anything
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise CheckpointError(f"{path}: broken or not a checkpoint ({first})") from None
    return convert(content)
