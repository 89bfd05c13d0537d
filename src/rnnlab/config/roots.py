"""Where configurations live, what their roots must look like, and the resolvers they use."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

from hydra.core.config_store import ConfigStore
from omegaconf import MISSING, OmegaConf

LONGEST_SLUG = 80


def config_dir() -> Path:
    """The folder of the shipped configurations: inside the wheel, or at the checkout's top."""
    packaged = Path(str(files("rnnlab") / "configs"))
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "configs"


@dataclass
class Snapshots:
    """How often `checkpoints/last.ckpt` is written, and how much of the time that may take."""

    every_n_steps: int = field(default=50, metadata={"least": 1})
    max_overhead: float = field(default=0.01, metadata={"least": 0, "most": 1})


@dataclass
class EarlyStopping:
    """Validations without improvement before a run ends; None never ends it early."""

    patience: int | None = field(default=None, metadata={"least": 0})


@dataclass
class Averaging:
    """Validations without improvement before weights are averaged; None never averages them."""

    patience: int | None = field(default=None, metadata={"least": 0})


@dataclass
class Instruments:
    """What stands beside the instruments in `diagnostics`: the share of the time each may take."""

    max_overhead: float | None = field(default=None, metadata={"above": 0, "below": 1})


@dataclass
class TrainConfig:
    """Root of `rnnlab train`: any further key at the top level is an error.

    `least` and `most` in a field's metadata bound its values, `above` and `below` both without the
    bound itself; `beside` describes plain values among a group's components; what is `newer` than
    the format of checkpoints may be absent in one.
    """

    seed: int = field(default=1, metadata={"least": 0, "most": 2**32 - 1})
    resume: str | None = None
    trust: list[str] = field(default_factory=list)
    baseline: bool = field(default=False, metadata={"newer": True})
    checkpoint: Snapshots = field(default_factory=Snapshots)
    early_stopping: EarlyStopping = field(default_factory=EarlyStopping)
    averaging: Averaging = field(default_factory=Averaging, metadata={"newer": True})
    cell: Any = MISSING
    encoder: Any = MISSING
    embedding: Any = MISSING
    characters: Any = None
    data: Any = MISSING
    optimizer: Any = MISSING
    scheduler: Any = None
    trainer: Any = MISSING
    logger: Any = None
    diagnostics: Any = field(default=None, metadata={"beside": Instruments})
    task: Any = MISSING


@dataclass
class EvaluateConfig:
    """Root of `rnnlab evaluate`."""

    checkpoint: str = MISSING
    trust: list[str] = field(default_factory=list)
    seed: int = 1
    data: Any = None
    trainer: Any = MISSING


@dataclass
class PredictConfig:
    """Root of `rnnlab predict`."""

    checkpoint: str = MISSING
    input: str = "-"
    batch_size: int = 64
    nbest: int = field(default=1, metadata={"least": 1})
    beam: int | None = field(default=None, metadata={"least": 1})
    prompt: str | None = None
    count: int = field(default=1, metadata={"least": 1})
    length: int = field(default=300, metadata={"least": 1})
    temperature: float = 1.0
    top_k: int | None = field(default=None, metadata={"least": 1})
    top_p: float = 1.0
    seed: int = field(default=1, metadata={"least": 0, "most": 2**32 - 1})
    trust: list[str] = field(default_factory=list)


@dataclass
class AnalyzeConfig:
    """Root of `rnnlab analyze`."""

    checkpoint: str = MISSING
    output: str | None = None
    k: int | None = field(default=None, metadata={"least": 1})
    steps: int = field(default=1000, metadata={"least": 10})
    transient: int = field(default=100, metadata={"least": 0})
    streams: int = field(default=16, metadata={"least": 1})
    carry: bool = False
    batches: int = field(default=4, metadata={"least": 1})
    trust: list[str] = field(default_factory=list)
    seed: int = field(default=1, metadata={"least": 0, "most": 2**32 - 1})
    data: Any = None


@dataclass
class EmbedConfig:
    """Root of `rnnlab embed`."""

    corpus: str | None = None
    vectors: str | None = None
    output: str | None = None
    model: Literal["skipgram", "cbow"] = "skipgram"
    size: int = field(default=100, metadata={"least": 1})
    window: int = field(default=5, metadata={"least": 1})
    negative: int = field(default=5, metadata={"least": 1})
    min_count: int = field(default=5, metadata={"least": 1})
    sample: float = field(default=1e-3, metadata={"least": 0, "most": 1})
    epochs: int = field(default=5, metadata={"least": 1})
    alpha: float = field(default=0.025, metadata={"above": 0, "below": 1})
    workers: int = field(default=1, metadata={"least": 1})
    seed: int = field(default=1, metadata={"least": 0, "most": 2**32 - 1})
    restrict: int | None = field(default=None, metadata={"least": 1})
    projector: int = field(default=5000, metadata={"least": 0})
    root: str | None = None
    trust: list[str] = field(default_factory=list)
    data: Any = None


def slug(text: str) -> str:
    """Overrides as a folder name: at most 80 characters, none of `= , /` or blanks.

    Of `data.lag=50,cell=gru` it makes `lag-50-cell-gru`. Hydra's own parser rejects a path with
    `=` in `checkpoint=...`.
    """
    text = re.sub(r"(^|,)[\w.@/]*[./](?=\w+=)", r"\1", text)
    return re.sub(r"[^\w.+-]+", "-", text).strip("-")[:LONGEST_SLUG] or "default"


def fresh(parent: str) -> str:
    """Create a folder below `parent` named by the time, and give its name.

    Created exclusively: of several runs that start in the same second, each gets its own.
    """
    name = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    Path(parent).mkdir(parents=True, exist_ok=True)
    for suffix in ["", *(f"_{number}" for number in range(2, 10_000))]:
        try:
            (Path(parent) / (name + suffix)).mkdir()
        except FileExistsError:
            continue
        return name + suffix
    raise FileExistsError(f"{parent}: ten thousand runs in one second")


@cache
def register() -> None:
    """Make schemas and resolvers known to Hydra; more than once does no harm."""
    store = ConfigStore.instance()
    store.store(name="train_schema", node=TrainConfig, replace=True)
    store.store(name="evaluate_schema", node=EvaluateConfig, replace=True)
    store.store(name="predict_schema", node=PredictConfig, replace=True)
    store.store(name="analyze_schema", node=AnalyzeConfig, replace=True)
    store.store(name="embed_schema", node=EmbedConfig, replace=True)
    OmegaConf.register_resolver("rnnlab.fresh", fresh, use_cache=True, replace=True)
    OmegaConf.register_resolver("rnnlab.slug", slug, replace=True)
