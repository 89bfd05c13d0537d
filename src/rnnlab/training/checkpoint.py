"""Checkpoints: written by Lightning, with config and spec as plain dicts; read without pickles."""

import pickle
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from rnnlab.config.defaults import with_defaults
from rnnlab.config.roots import TrainConfig
from rnnlab.config.trust import allowed, refusal, targets
from rnnlab.config.validate import find_problems
from rnnlab.data.spec import Spec
from rnnlab.errors import CheckpointError
from rnnlab.nn.embedding import KeptVectors
from rnnlab.training.archive import damage
from rnnlab.training.convert import FORMAT, KEY, convert

UNSTORED = frozenset({"profiler", "model_registry"})
"""Options of the trainer that write files or send something: a checkpoint cannot ask for them."""


@dataclass(frozen=True)
class Origin:
    """What a run was made of, so that later it can be seen whether that is still the same.

    Attributes:
        sources: sha256 of the checkpoints that training started from, by path.
        files: sha256 of the files of each split, and of "embedding", by name.
        vectors: Vectors of words that did not occur in training; None where a file has them.
        prior: What the training targets are like, see `SequenceData.target_prior`; None of an
            older run.
    """

    sources: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    vectors: KeptVectors | None = None
    prior: Tensor | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain values and tensors."""
        return {
            "sources": dict(self.sources),
            "files": {part: dict(sums) for part, sums in self.files.items()},
            "vectors": None if self.vectors is None else dict(vars(self.vectors)),
            "prior": self.prior,
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`; older checkpoints have less."""
        kept = state.get("vectors")
        return cls(
            sources=dict(state.get("sources", {})),
            files={part: dict(sums) for part, sums in state.get("files", {}).items()},
            vectors=None if kept is None else KeptVectors(**kept),
            prior=state.get("prior"),
        )


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was read and found sound.

    Attributes:
        path: The file.
        cfg: The run's resolved configuration, plain values.
        choices: The choice made for each group.
        spec: The data's spec.
        state_dict: The module's parameters and buffers.
        origin: What it was made of.
    """

    path: Path
    cfg: dict[str, Any]
    choices: dict[str, Any]
    spec: Spec
    state_dict: dict[str, torch.Tensor]
    origin: Origin


def stamp(
    cfg: dict[str, Any], choices: dict[str, Any], spec: Spec, origin: Origin
) -> dict[str, Any]:
    """What a run adds to Lightning's checkpoint so that it explains itself; see `Checkpoint`."""
    return {
        "format": FORMAT,
        "config": cfg,
        "choices": choices,
        "spec": spec.to_dict(),
        **origin.to_dict(),
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
        if not (state["choices"] == choices and _is_plain(cfg) and _is_plain(choices)):
            raise TypeError("values that no configuration has")
        spec = Spec.from_dict(state["spec"])
        origin = Origin.from_dict(state)
        if origin.prior is not None and origin.prior.shape != (spec.target_size,):
            raise ValueError("prior")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CheckpointError(
            f"{path}: broken, what it says of itself is incomplete ({error!r})"
        ) from None
    for name, value in content["state_dict"].items():
        problem = _unlike_weights(value)
        if problem:
            raise CheckpointError(f"{path}: broken, {name} {problem}")
    for key, target in targets(cfg):
        if not allowed(target, trusted):
            raise CheckpointError(f"{path}: refused, nothing of it was run: {refusal(key, target)}")
    for name in UNSTORED & set(cfg["trainer"] if isinstance(cfg.get("trainer"), dict) else ()):
        del cfg["trainer"][name]
    cfg["trust"] = list(trusted)  # a checkpoint cannot ask for trust itself
    cfg = with_defaults(cfg, TrainConfig)  # options that are newer than the checkpoint
    for problem in find_problems(cfg, choices):
        raise CheckpointError(f"{path}: its configuration does not fit this rnnlab: {problem}")
    return Checkpoint(path, cfg, choices, spec, content["state_dict"], origin)


def _unlike_weights(value: Any) -> str | None:
    """Why a value cannot be weights, or counts beside them; None where it can."""
    if not isinstance(value, torch.Tensor):
        return "is no tensor"
    if value.is_complex():
        return "is complex"
    if value.is_floating_point() and not bool(torch.isfinite(value).all()):
        return "has numbers that are not finite"
    return None


def _is_plain(value: Any) -> bool:
    """Whether a value can come from a YAML file."""
    if isinstance(value, dict):
        return all(isinstance(key, str | int) for key in value) and _is_plain([*value.values()])
    if isinstance(value, list):
        return all(map(_is_plain, value))
    return value is None or type(value) in (str, bool, int, float)


def _odd_tensor(content: Any) -> str | None:
    """What is wrong with a tensor in plain values: it takes more memory than the file is long.

    Python's own comparison of values, or a sum, would make all of its elements.
    """
    if isinstance(content, torch.Tensor):
        if content.layout is not torch.strided or content.device.type != "cpu":
            return f"a tensor is {content.layout} on {content.device}"
        if content.numel() * content.element_size() > content.untyped_storage().nbytes():
            return f"a tensor of {tuple(content.shape)} has fewer numbers than that"
    parts = content.values() if isinstance(content, dict) else content
    if isinstance(content, dict | list | tuple | set):
        return next(filter(None, map(_odd_tensor, parts)), None)
    return None


def below(prefix: str, state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """What a part has of all weights, by its own names."""
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def shape_of(weight: torch.Tensor | None) -> str:
    """What has to be equal on both sides when weights are loaded, in words."""
    if weight is None:
        return "nothing"
    return f"{tuple(weight.shape)}{'' if weight.is_floating_point() else ' of integers'}"


def check_weights(part: nn.Module, weights: Mapping[str, torch.Tensor], path: Path) -> None:
    """Compare a module with the weights that a checkpoint has for it.

    Args:
        part: The module; it may be on the meta device.
        weights: Its part of the checkpoint.
        path: The checkpoint, for messages.

    Raises:
        CheckpointError: They do not fit.
    """
    wanted = part.state_dict()
    for name in dict.fromkeys([*wanted, *weights]):
        there, here = shape_of(weights.get(name)), shape_of(wanted.get(name))
        if there != here:
            raise CheckpointError(
                f"{path}: weights do not fit: {name} {there} there, {here} by its configuration"
            )


def load_plain(path: Path) -> Any:
    """A checkpoint file, converted to today's names.

    Raises:
        CheckpointError: Broken, or it holds more than tensors and plain values.
    """
    try:
        found = damage(path)
        if found is not None:
            raise CheckpointError(
                f"{path}: broken or not a checkpoint ({found}); nothing of it was run"
            )
        content = torch.load(path, map_location="cpu", weights_only=True)
        found = _odd_tensor(content)
        if found is not None:
            raise CheckpointError(f"{path}: broken or not a checkpoint ({found})")
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
