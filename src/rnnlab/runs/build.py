"""THE wiring: from a configuration to objects, to be read top to bottom.

Nothing below this file sees a configuration.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lightning import Callback
from torch import nn

from rnnlab.config.schema import options
from rnnlab.config.trust import factory, locate, make
from rnnlab.data.base import SequenceData
from rnnlab.data.spec import Spec
from rnnlab.data.vocab import Vocab
from rnnlab.diagnostics.board import Board
from rnnlab.diagnostics.layout import CustomLayout
from rnnlab.diagnostics.progress import Progress
from rnnlab.diagnostics.throughput import Throughput
from rnnlab.errors import ConfigError
from rnnlab.layers.base import Layer
from rnnlab.nn.characters import SizedCell, StackedEmbedding
from rnnlab.nn.embedding import Features, Vectors
from rnnlab.nn.encoder import Encoder
from rnnlab.tasks.base import Task
from rnnlab.training.averaging import Averaging
from rnnlab.training.checkpoint import Origin, stamp
from rnnlab.training.early_stopping import EarlyStopping
from rnnlab.training.history import History
from rnnlab.training.module import SequenceModule
from rnnlab.training.pretrained import Pretrained
from rnnlab.training.snapshot import Best, Snapshot

Config = dict[str, Any]


@dataclass(frozen=True)
class Model:
    """What predicts: an encoder and a task on top of it, and the vectors it embeds words with."""

    encoder: Encoder
    task: Task
    vectors: Vectors


def build_data(cfg: Config, vectors: Vectors) -> SequenceData:
    """The data set, with the targets that the task learns and the words that `vectors` knows.

    And with characters if asked for.
    """
    data: SequenceData = make(cfg["data"], cfg["trust"])
    data.use_kind(locate(cfg["task"]["_target_"]).kind)
    data.add_words(vectors.words, lower_fallback=vectors.lower_fallback)
    if cfg.get("characters"):
        data.use_characters()
    return data


def build_vectors(cfg: Config) -> Vectors:
    """Word vectors: random ones, or a file's."""
    vectors: Vectors = make(cfg["embedding"], cfg["trust"])
    return vectors


def build_model(cfg: Config, spec: Spec, vectors: Vectors) -> Model:
    """Embedding -> encoder -> task, with all sizes from the spec."""
    trusted = cfg["trust"]
    embedding: nn.Module
    if isinstance(spec.source, Vocab):
        tokens = embedding = vectors.module(spec.source)
        if spec.characters is not None:
            features = make(cfg["characters"], trusted, spec.characters, _sized_cell(cfg))
            embedding = StackedEmbedding(tokens, features)
    else:
        embedding = Features(spec.source)
    if cfg["encoder"].get("last_size") is not None:
        _check_sized(cfg, "encoder.last_size", "null")
    encoder: Encoder = make(cfg["encoder"], trusted, embedding, factory(cfg["cell"], trusted))
    task: Task = make(cfg["task"], trusted, encoder, spec)
    return Model(encoder, task, vectors)


def _sized_cell(cfg: Config) -> SizedCell:
    def cell(inputs: int, hidden: int) -> Layer:
        _check_sized(cfg, "characters", "cnn")
        made: Layer = make(cfg["cell"] | {"hidden_size": hidden}, cfg["trust"], inputs)
        return made

    return cell


def _check_sized(cfg: Config, asked_by: str, instead: str) -> None:
    target = cfg["cell"]["_target_"]
    if "hidden_size" not in options(locate(target)):
        raise ConfigError(f"{asked_by}: {target} has no option 'hidden_size'; choose {instead}")


def build_start(cfg: Config) -> Pretrained | None:
    """The trained encoder that a new one starts from, where one is asked for."""
    path = cfg["encoder"].get("init_from")
    return None if path is None else Pretrained(path, cfg["trust"])


def build_module(
    cfg: Config,
    choices: Config,
    spec: Spec,
    model: Model,
    origin: Origin = Origin(),  # noqa: B008 - immutable
) -> SequenceModule:
    """Model, optimiser and scheduler as a Lightning module."""
    trusted = cfg["trust"]
    scheduler = cfg["scheduler"]
    return SequenceModule(
        model.encoder,
        model.task,
        optimizer=factory(cfg["optimizer"], trusted),
        scheduler=factory(scheduler, trusted) if scheduler else None,
        **cfg["lr_schedule"],
        stamp=stamp(cfg, choices, spec, origin),
    )


def build_callbacks(cfg: Config, folder: Path, task: Task) -> list[Callback]:
    """Checkpoints, progress and diagnostics of a training run."""
    trusted = cfg["trust"]
    monitor = f"val/{task.monitor}"
    nodes = dict(cfg["diagnostics"] or {})
    throughput = Throughput(max_overhead=nodes.pop("max_overhead", None))
    instruments = [make(node, trusted) for node in nodes.values() if node]
    intervals = [each.every_n_steps for each in instruments if hasattr(each, "every_n_steps")]
    # the board writes at the end of a batch: behind all that measures there
    callbacks: list[Callback] = [throughput, *instruments, CustomLayout()]
    callbacks.append(Board([cfg["trainer"].get("log_every_n_steps", 50), *intervals]))
    since = cfg["averaging"]["patience"]
    if since is not None:  # behind the instruments: they see the same weights in all of a step
        callbacks.append(Averaging(monitor, mode=task.mode, patience=since))
    callbacks.append(History(monitor, mode=task.mode))
    checkpoints = folder / "checkpoints"
    callbacks.append(Best(checkpoints, monitor=monitor, mode=task.mode))
    # behind the best: what resumes a run has to know which epoch that was
    callbacks.append(Snapshot(checkpoints, **cfg["checkpoint"]))
    patience = cfg["early_stopping"]["patience"]
    if patience is not None:
        callbacks.append(EarlyStopping(monitor, mode=task.mode, patience=patience))
    if cfg["trainer"].get("enable_progress_bar", True):
        callbacks.append(Progress(monitor))
    return callbacks
