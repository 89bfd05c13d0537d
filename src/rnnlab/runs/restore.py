"""Restores a trained run: its model, with its own data or other data of its kind."""

from collections.abc import Container
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from lightning import seed_everything
from torch import nn

from rnnlab.config.command_line import CommandLine
from rnnlab.config.compose import compose_words
from rnnlab.config.overrides import override_values, parse
from rnnlab.config.roots import ROOTS
from rnnlab.config.schema import options
from rnnlab.config.trust import locate, make
from rnnlab.config.validate import validate
from rnnlab.data.base import SequenceData
from rnnlab.data.spec import Spec
from rnnlab.data.vocab import Vocab
from rnnlab.errors import CheckpointError, ConfigError
from rnnlab.runs.build import Config, Model, build_model, build_vectors
from rnnlab.training.checkpoint import Checkpoint, find_checkpoint, read_checkpoint


@dataclass(frozen=True)
class Opened:
    """A checkpoint, with what the command line changes.

    Attributes:
        options: The command's own options.
        given: Keys that the command line sets.
        checkpoint: The checkpoint.
        cfg: The run's configuration, with the data that was asked for; not yet validated.
        choices: The choice made for each group.
    """

    options: Config
    given: frozenset[str]
    checkpoint: Checkpoint
    cfg: Config
    choices: dict[str, Any]


def open_run(root: str, words: list[str]) -> Opened:
    """Find the checkpoint that a command is about, and the data: its own, or `data=...`.

    Args:
        root: "evaluate" or "analyze".
        words: The rest of the command line.

    Raises:
        ConfigError, CheckpointError: A user error.
    """
    line = CommandLine.without_flags(words)
    overrides = parse(line.overrides, ROOTS[root])
    given = {override.key_or_group: override.input_line or "" for override in overrides}
    other_data = "data" in given
    own_data = {key for key in given if key.startswith("data.") and not other_data}
    kept = [word for key, word in given.items() if key not in own_data]
    composed = compose_words(root, kept, line.search)
    validate(composed.cfg, composed.choices, ROOTS[root])
    path = find_checkpoint(composed.cfg["checkpoint"])
    checkpoint = read_checkpoint(path, composed.cfg["trust"])
    cfg, choices = {**checkpoint.cfg}, {**checkpoint.choices}
    if other_data:
        cfg["data"] = composed.cfg["data"]
        choices["data"] = composed.choices["data"]
    else:
        cfg = override_values(cfg, [given[key] for key in own_data])
    _check_learnt(given, cfg["data"])
    return Opened(composed.cfg, frozenset(given), checkpoint, cfg, choices)


def _check_learnt(given: Container[str], data: dict[str, Any]) -> None:
    """Refuse options that belong to the trained model, such as those of its vocabulary."""
    for name, option in options(locate(str(data["_target_"]))).items():
        if option.learnt and f"data.{name}" in given:
            raise ConfigError(
                f"data.{name}: belongs to the trained model and cannot change; leave it out"
            )


def restored(opened: Opened, cfg: Config) -> tuple[Spec, Model, SequenceData]:
    """Spec, model and data of a run, seeded as it was.

    Args:
        opened: What was found.
        cfg: Its configuration, with what the command changes.

    Raises:
        ConfigError, DataError, CheckpointError: The configuration is not valid, or data and model
            do not fit.
    """
    validate(cfg, opened.choices)
    seed_everything(cfg["seed"], workers=False, verbose=False)
    spec, model = restore(opened.checkpoint)
    data: SequenceData = make(cfg["data"], cfg["trust"])
    data.reuse(spec)
    return spec, model, data


def restore(checkpoint: Checkpoint) -> tuple[Spec, Model]:
    """The model of a checkpoint, with its weights, and its spec.

    Words that have vectors in the embedding's file but did not occur in training are known to the
    restored vocabulary as well.
    """
    vectors = build_vectors(_with_present_root(checkpoint.cfg))
    spec = checkpoint.spec
    if isinstance(spec.source, Vocab) and vectors.words:
        source = spec.source.extend(vectors.words, lower_fallback=vectors.lower_fallback)
        spec = replace(spec, source=source)
    with torch.random.fork_rng(devices=[]):
        model = build_model(checkpoint.cfg, spec, vectors)
    parts = nn.ModuleDict({"encoder": model.encoder, "task": model.task})
    weights = checkpoint.state_dict.items()
    try:
        parts.load_state_dict({k: v for k, v in weights if k.partition(".")[0] in parts})
    except RuntimeError as error:
        first = " ".join(str(error).split())[:300]
        raise CheckpointError(f"{checkpoint.path}: weights do not fit: {first}") from None
    return spec, model


def _with_present_root(cfg: Config) -> Config:
    """With today's data root where that of the word vectors in training is gone."""
    root = cfg["embedding"].get("root")
    if root is None or Path(root).is_dir():
        return cfg
    return {**cfg, "embedding": {**cfg["embedding"], "root": None}}
