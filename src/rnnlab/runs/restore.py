"""Restores a trained run: its model, with its own data or other data of its kind."""

import json
from collections.abc import Container
from dataclasses import dataclass, replace
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
from rnnlab.errors import ConfigError
from rnnlab.nn.embedding import Vectors
from rnnlab.runs.build import Config, Model, build_model
from rnnlab.runs.dry_build import DryVectors, check_run
from rnnlab.runs.origin import restore_vectors, warn_of_changes
from rnnlab.training.checkpoint import (
    Checkpoint,
    check_weights,
    find_checkpoint,
    read_checkpoint,
)


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
    check_run(cfg, opened.choices, training=False)
    seed_everything(cfg["seed"], workers=False, verbose=False)
    spec, model = restore(opened.checkpoint, opened.options["embedding"]["path"])
    data: SequenceData = make(cfg["data"], cfg["trust"])
    data.reuse(spec)
    if not {"data", "data.test"} & opened.given:
        warn_of_changes(data, ("test",), opened.checkpoint.origin)
    return spec, model, data


def restore(checkpoint: Checkpoint, vectors_path: str | None = None) -> tuple[Spec, Model]:
    """The model of a checkpoint, with its weights, and its spec.

    Words that have vectors in the embedding's file but did not occur in training are known to the
    restored vocabulary as well.

    Args:
        checkpoint: What was read.
        vectors_path: Where the embedding's file is now; None for where it was.

    Raises:
        ConfigError, DataError, CheckpointError: See `restore_vectors`; or weights do not fit.
    """
    cfg, spec = checkpoint.cfg, checkpoint.spec
    if vectors_path is not None:
        cfg = override_values(cfg, [f"embedding.path={json.dumps(vectors_path)}"])
    vectors = restore_vectors(cfg, checkpoint)
    if isinstance(spec.source, Vocab) and vectors.words:
        source = spec.source.extend(vectors.words, lower_fallback=vectors.lower_fallback)
        spec = replace(spec, source=source)
    with torch.random.fork_rng(devices=[]):
        return spec, build_trained(checkpoint.cfg, spec, vectors, checkpoint)


def build_trained(cfg: Config, spec: Spec, vectors: Vectors, checkpoint: Checkpoint) -> Model:
    """A model with the weights of a checkpoint, whose sizes are compared before it takes memory.

    Raises:
        CheckpointError: They do not fit.
    """
    weights = checkpoint.state_dict
    weights = {k: v for k, v in weights.items() if k.startswith(("encoder.", "task."))}
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        dry = build_model(cfg, spec, DryVectors(vectors))
    check_weights(_parts(dry), weights, checkpoint.path)
    model = build_model(cfg, spec, vectors)
    _parts(model).load_state_dict(weights)
    if checkpoint.origin.prior is not None:  # older checkpoints do not know it
        model.task.set_rival(checkpoint.origin.prior)
    return model


def _parts(model: Model) -> nn.ModuleDict:
    return nn.ModuleDict({"encoder": model.encoder, "task": model.task})
