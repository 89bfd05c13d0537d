"""Finds parts that do not fit together, with a model without weights and without reading data."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import torch
from torch.optim.lr_scheduler import ReduceLROnPlateau

from rnnlab.config.trust import factory
from rnnlab.config.validate import validate
from rnnlab.data.base import LARGEST, SequenceData
from rnnlab.data.spec import Spec
from rnnlab.data.vocab import PAD, Vocab
from rnnlab.errors import ConfigError, DataError, refuse
from rnnlab.layers.base import Layer
from rnnlab.nn.embedding import TokenEmbedding, Vectors
from rnnlab.runs.build import (
    Config,
    Model,
    build_callbacks,
    build_data,
    build_model,
    build_vectors,
)
from rnnlab.runs.environment import quiet
from rnnlab.runs.trainer import build_trainer

MANY = 100_000
"""Tokens of a vocabulary that is large enough for every option."""


def check_fit(cfg: Config, *, training: bool = True) -> list[str]:
    """Problems of a valid configuration that show when it is built; no data is read.

    A model is built on torch's meta device, where tensors have shapes but no memory.

    Args:
        cfg: The configuration.
        training: Whether it is to be trained with: then its trainer is made as well.
    """
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            return _check_fit(cfg, training=training)
    except (ConfigError, DataError) as error:
        return [str(error)]
    except (RuntimeError, OverflowError, MemoryError) as error:  # sizes beyond what torch can count
        first = next(iter(str(error).splitlines()), type(error).__name__)
        return [f"the model is too large for any machine: {first}"]


def check_run(cfg: Config, choices: Mapping[str, Any], *, training: bool) -> None:
    """Check a stored configuration as one that is new.

    Args:
        cfg: The configuration.
        choices: The choice made for each group.
        training: Whether it is to be trained with, or its model used.

    Raises:
        ConfigError: All problems, one a line.
    """
    validate(cfg, choices)
    refuse(check_fit(cfg, training=training))


def _check_fit(cfg: Config, *, training: bool) -> list[str]:
    vectors = DryVectors(build_vectors(cfg))
    data = build_data(cfg, vectors)
    if training:
        data.check_given()
    spec = data.dry_spec()
    try:
        model = build_model(cfg, spec, vectors)
    except ConfigError:  # does an option only need a larger vocabulary, as the data may have?
        model = build_model(cfg, _with_large_vocabularies(spec), vectors)
    if type(data).dry_spec is SequenceData.dry_spec:  # the targets are the data's own
        model.task.set_rival(torch.ones(spec.target_size))
    optimizer = factory(cfg["optimizer"], cfg["trust"])(list(_parameters(model)))
    scheduler = factory(cfg["scheduler"], cfg["trust"])(optimizer) if cfg["scheduler"] else None
    problems = list(_schedule_problems(cfg, scheduler))
    if problems:
        return problems
    needed, machine = memory(model, data), psutil.virtual_memory().total
    if needed > machine:
        return [
            f"the model needs {needed / 2**30:,.0f} GiB of memory at least, this machine has "
            f"{machine / 2**30:,.0f} GiB; choose smaller sizes (cell.hidden_size, "
            "encoder.num_layers, data.batch_size ...)"
        ]
    too_long = [*_too_long(model, data)]
    if too_long or not training:
        return too_long
    quiet()
    callbacks = build_callbacks(cfg, Path(), model.task)
    trainer = build_trainer({**cfg, "logger": None}, Path(), callbacks)
    watching = {
        "early_stopping.patience": cfg["early_stopping"]["patience"] is not None,
        "averaging.patience": cfg["averaging"]["patience"] is not None,
        "scheduler": isinstance(scheduler, ReduceLROnPlateau),
    }
    return [
        f"{key}: needs validations, which trainer.limit_val_batches=0 leaves out"
        for key, used in watching.items()
        if used and trainer.limit_val_batches == 0
    ]


def _schedule_problems(cfg: Config, scheduler: Any) -> Iterator[str]:
    interval, steps = cfg["lr_schedule"]["interval"], cfg["trainer"].get("max_steps", -1)
    counts = getattr(scheduler, "interval", interval)
    if counts != interval:
        yield f"lr_schedule.interval: {type(scheduler).__name__} counts {counts}s; say {counts}"
    if 0 < steps <= cfg["lr_schedule"]["warmup_steps"]:
        yield (
            f"lr_schedule.warmup_steps: {cfg['lr_schedule']['warmup_steps']}, of "
            f"trainer.max_steps={steps}; choose fewer"
        )


def _with_large_vocabularies(spec: Spec) -> Spec:
    """A spec of a language with many words or characters."""

    def large(vocab: Vocab | int) -> Vocab | int:
        if isinstance(vocab, int) or PAD not in vocab.tokens:
            return vocab
        return Vocab([*vocab.tokens, *(f"\0{number}" for number in range(MANY))])

    source = large(spec.source)
    target = source if spec.target is spec.source else large(spec.target)
    return replace(spec, source=source, target=target)


def _too_long(model: Model, data: SequenceData) -> Iterator[str]:
    """Options of the data that ask for longer sequences than a layer reads."""
    layers = [part for part in model.encoder.modules() if isinstance(part, Layer)]
    limit = min((layer.max_steps for layer in layers if layer.max_steps), default=None)
    for option in ("max_length", "steps", "bptt"):
        asked = getattr(data, option, None)
        if limit is not None and isinstance(asked, int) and asked > limit:
            yield (
                f"cell.max_positions: {limit:,} places are learned, but sequences have up to "
                f"{asked:,} steps; choose more, or cell.positions=rotary"
            )


def memory(model: Model, data: SequenceData) -> int:
    """Bytes that a training step needs at least: parameters, their gradients, and states."""
    parts = [*model.encoder.modules(), *model.task.modules()]
    numbers = sum(parameter.numel() for parameter in _parameters(model))
    steps = int(getattr(data, "steps", getattr(data, "bptt", 1)))
    states = sum(part.output_size for part in parts if isinstance(part, Layer))
    examples = sum(getattr(data, "sizes", {}).values()) * steps
    needed: int = 4 * (2 * numbers + (data.batch_size or LARGEST) * steps * states + examples)
    return needed


def _parameters(model: Model) -> dict[torch.nn.Parameter, None]:
    """Each once, in order: weights may be tied."""
    return dict.fromkeys([*model.encoder.parameters(), *model.task.parameters()])


class DryVectors(Vectors):
    """Word vectors whose file is not read."""

    def __init__(self, vectors: Vectors) -> None:
        self.lower_fallback = vectors.lower_fallback
        self._vectors = vectors

    def module(self, vocab: Vocab) -> TokenEmbedding:
        """See the base class."""
        return self._vectors.dry_module(vocab)
