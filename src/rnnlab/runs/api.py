"""`rnnlab.compose` and `rnnlab.train`: runs from Python, the same as those of the command line."""

from collections.abc import Iterable, Mapping
from contextlib import ExitStack, redirect_stdout
from copy import deepcopy
from dataclasses import dataclass, field, replace
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any

from lightning import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.seed import isolate_rng
from omegaconf import OmegaConf, open_dict

from rnnlab.config.command_line import CommandLine, use_current_folder
from rnnlab.config.compose import Composed
from rnnlab.config.overrides import override_values
from rnnlab.diagnostics.board import board_of
from rnnlab.errors import ConfigError
from rnnlab.runs.build import Model
from rnnlab.runs.dry_build import check_run
from rnnlab.runs.finish import Outcome
from rnnlab.runs.jobs import check_jobs
from rnnlab.runs.launch import train_one
from rnnlab.runs.predictor import Predictor
from rnnlab.runs.restore import restore
from rnnlab.runs.resume import resume_run
from rnnlab.training.checkpoint import find_checkpoint, read_checkpoint

Row = dict[str, float]
"""A line of a table: a number of each column."""


class Config(dict[str, Any]):
    """A run's configuration: nested dicts of plain values, complete; values may be changed.

    Attributes:
        choices: The choice made for each group: "task" -> "ner" and so on.
    """

    def __init__(self, composed: Composed) -> None:
        super().__init__(deepcopy(composed.cfg))
        self.choices = dict(composed.choices)
        self._composed = composed

    def __str__(self) -> str:
        """As YAML."""
        return OmegaConf.to_yaml(OmegaConf.create(dict(self)))

    def checked(self) -> Composed:
        """What is to be run; values that were changed are checked first.

        Raises:
            ConfigError: All problems, one a line.
        """
        values = deepcopy(dict(self))
        if values == self._composed.cfg:
            return self._composed
        check_run(values, self.choices, training=True)
        hydra = self._composed.hydra.copy()
        with open_dict(hydra):
            for key, value in values.items():
                hydra[key] = value
        return replace(self._composed, cfg=values, hydra=hydra)


class Table(Callback):
    """Keeps what is measured, as rows.

    Attributes:
        validations: A row for each, with what was known by then.
        steps: A row for each write of the board.
    """

    def __init__(self) -> None:
        self.validations: list[Row] = []
        self.steps: list[Row] = []
        self._latest: Row = {}

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Listen to the board."""
        board_of(trainer).listeners.append(self._add)

    def _add(self, trainer: Trainer, scalars: Mapping[str, float]) -> None:
        self._latest.update(scalars)
        self.steps.append({"step": trainer.global_step, **scalars})

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Add a row."""
        found = trainer.callback_metrics.items()
        val = {name: float(value) for name, value in found if name.startswith("val/")}
        place = {"epoch": trainer.current_epoch + 1, "step": trainer.global_step}
        self.validations.append({**place, **val, **self._latest})


@dataclass
class Run:
    """A run that has ended.

    Attributes:
        status: completed | untrained | interrupted | diverged.
        score: The monitored validation metric; higher is better: negated where lower is.
        metrics: What `metrics.json` holds: `metrics["test"]["accuracy"]`, `metrics["val"]` ...
        folder: Configuration, checkpoints, events for TensorBoard.
        history: A row for each validation: `epoch`, `step`, `val/...`, and of `train/loss` and what
            the instruments measure (`flow/...`) the latest.
        steps: A row for each write to the logger: `step`, `train/loss`, `grad/...`, `flow/...`.
    """

    status: str
    score: float
    metrics: dict[str, Any] = field(repr=False)
    folder: Path
    history: list[Row] = field(repr=False)
    steps: list[Row] = field(repr=False)
    _trust: list[str] = field(repr=False, default_factory=list)

    @cached_property
    def model(self) -> Model:
        """The best checkpoint's encoder and task, in evaluation mode, on the CPU.

        Raises:
            CheckpointError: The run was stopped before it had one.
        """
        _, model = restore(read_checkpoint(find_checkpoint(self.folder), self._trust))
        model.encoder.eval()
        model.task.eval()
        return model

    @cached_property
    def predictor(self) -> Predictor:
        """The same as `rnnlab.load(run.folder)`, for models that read text or sound."""
        from rnnlab.runs.predictor import load

        return load(self.folder, trust=self._trust)


def compose(*overrides: str, config_dir: str | Path | None = None) -> Config:
    """The complete configuration of a run, checked as `rnnlab check` does.

    Example:
        >>> import rnnlab
        >>> config = rnnlab.compose("task=delayed_recall", "cell=gru", "data.lag=20")
        >>> config.choices["cell"], config["data"]["lag"]
        ('gru', 20)

    Args:
        *overrides: As on the command line, `GROUP=CHOICE` and `GROUP.OPTION=VALUE`.
        config_dir: A folder of your own configurations.

    Raises:
        ConfigError: All problems, one a line.
    """
    composed, several = check_jobs(_line(overrides, config_dir))
    if several is not None:
        raise ConfigError("several runs are asked for; from Python call rnnlab.train for each")
    return Config(composed)


def train(
    *config: Config | str,
    callbacks: Iterable[Callback] = (),
    folder: str | Path | None = None,
    config_dir: str | Path | None = None,
    quiet: bool = False,
) -> Run:
    """Train, test the best checkpoint, and keep everything in a folder, as `rnnlab train` does.

    The same overrides give the same numbers as on the command line. Random numbers of the calling
    program stay as they are.

    Example:
        >>> import rnnlab, tempfile
        >>> run = rnnlab.train(
        ...     "task=delayed_recall", "data.lag=3", "data.train_size=64", "trainer.max_epochs=1",
        ...     folder=tempfile.mkdtemp() + "/run", quiet=True,
        ... )
        >>> run.status, len(run.history)
        ('completed', 1)

    Args:
        *config: What `compose` gave, or overrides. `resume=FOLDER` continues a run.
        callbacks: Lightning's, of your own, behind those of the configuration.
        folder: The run's folder; None for a new one below `outputs/`.
        config_dir: A folder of your own configurations, with overrides.
        quiet: Print nothing. `trainer.enable_progress_bar=false` leaves out the bar alone.

    Raises:
        ConfigError, DataError, CheckpointError: A user error; nothing is left behind.
    """
    words = [each for each in config if not isinstance(each, Config)]
    if len(words) < len(config) and len(config) > 1:
        raise ConfigError("train: either one configuration or overrides; compose takes overrides")
    table = Table()
    own = [*callbacks, table]
    line = _line(words, config_dir)
    resume = line.value("resume")
    with ExitStack() as stack:
        stack.enter_context(isolate_rng())
        if quiet:
            stack.enter_context(redirect_stdout(StringIO()))
        if resume not in (None, "null", ""):
            if folder is not None:
                raise ConfigError("folder: a run is continued in its own; leave it out")
            outcome, trust = _resumed(line, Path(str(resume)), own)
        else:
            given = config[0] if config else None
            chosen = given if isinstance(given, Config) else compose(*words, config_dir=config_dir)
            composed = chosen.checked()
            if folder is not None:
                composed = _in_folder(composed, Path(folder))
            outcome, trust = train_one(composed, own), composed.cfg["trust"]
    status, folder = outcome.status, outcome.folder
    return Run(status, outcome.score, outcome.record, folder, table.validations, table.steps, trust)


def _resumed(
    line: CommandLine, folder: Path, callbacks: list[Callback]
) -> tuple[Outcome, list[str]]:
    kept = line.without("resume")
    trusted = override_values({"trust": []}, [word for word in kept if word.startswith("trust=")])
    use_current_folder(trusted)
    return resume_run(folder, kept, trusted["trust"], callbacks), trusted["trust"]


def _line(overrides: Iterable[Any], config_dir: str | Path | None) -> CommandLine:
    """Overrides as a command line without flags."""
    words = list(overrides)
    for word in words:
        if not isinstance(word, str) or word.startswith("-"):
            raise ConfigError(f"{word}: not KEY=VALUE, as text")
    search = None if config_dir is None else Path(config_dir).expanduser()
    return replace(CommandLine.split(words), search=search)


def _in_folder(composed: Composed, folder: Path) -> Composed:
    """The same in a folder that the caller names."""
    hydra = composed.hydra.copy()
    with open_dict(hydra):
        hydra.hydra.run.dir = str(folder)
        hydra.hydra.overrides.hydra = [*hydra.hydra.overrides.hydra, f"hydra.run.dir={folder}"]
    return replace(composed, hydra=hydra)
