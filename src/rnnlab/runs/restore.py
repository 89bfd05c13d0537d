"""A trained run again: its model, and its own data or other data of its kind."""

from dataclasses import dataclass
from typing import Any

from lightning import seed_everything

from rnnlab.config.compose import compose_words, override_values, parse
from rnnlab.config.trust import make
from rnnlab.config.validate import validate
from rnnlab.data.base import SequenceData
from rnnlab.data.spec import Spec
from rnnlab.errors import ConfigError
from rnnlab.runs.build import Config, Model
from rnnlab.runs.launch import Words
from rnnlab.runs.predictor import restore
from rnnlab.training.checkpoint import Checkpoint, find_checkpoint, read_checkpoint

_LEARNT = (
    "vocab_size",
    "share_vocab",
    "level",
    "lower",
    "max_length",
    "max_vocab_size",
    "min_freq",
    "scheme",
)
LEARNT = frozenset(f"data.{option}" for option in _LEARNT)
"""Options that decide a vocabulary, a tokenizer or a limit, which a trained model keeps."""


@dataclass(frozen=True)
class Opened:
    """A checkpoint that was found, and what the command line says about it.

    Attributes:
        options: The command's own options.
        said: Keys that the command line sets.
        checkpoint: The checkpoint.
        cfg: The run's configuration, with the data that was asked for; not yet validated.
        choices: The choice made for each group.
    """

    options: Config
    said: frozenset[str]
    checkpoint: Checkpoint
    cfg: Config
    choices: dict[str, Any]


def open_run(root: str, words: list[str]) -> Opened:
    """Find the checkpoint that a command is about, and the data: its own, or `data=...`.

    Args:
        root: "evaluate" or "analyze".
        words: What stands behind it.

    Raises:
        ConfigError, CheckpointError: Something that the user can mend.
    """
    given = Words.split(words)
    given.no_flags()
    overrides = parse(given.overrides)
    other_data = any(override.key_or_group == "data" for override in overrides)
    of_data = [o.input_line or "" for o in overrides if o.key_or_group.startswith("data.")]
    kept = [
        o.input_line or ""
        for o in overrides
        if other_data or not o.key_or_group.startswith("data.")
    ]
    composed = compose_words(root, kept, given.search)
    given.use_current_folder(composed.cfg)
    path = find_checkpoint(composed.cfg["checkpoint"])
    checkpoint = read_checkpoint(path, composed.cfg["trust"])
    cfg, choices = {**checkpoint.cfg}, {**checkpoint.choices}
    said = frozenset(override.key_or_group for override in overrides)
    fixed = sorted(said & LEARNT)
    if fixed:
        raise ConfigError(f"{fixed[0]}: a trained model keeps what it learnt with; leave this out")
    if other_data:
        cfg["data"] = composed.cfg["data"]
        choices["data"] = composed.choices["data"]
    else:
        cfg = override_values(cfg, of_data)
    return Opened(composed.cfg, said, checkpoint, cfg, choices)


def restored(opened: Opened, cfg: Config) -> tuple[Spec, Model, SequenceData]:
    """Spec, model and data of a run, seeded as it was.

    Args:
        opened: What was found.
        cfg: Its configuration, with what the command changes.

    Raises:
        ConfigError, DataError, CheckpointError: The configuration is not sound, or data and model
            do not fit.
    """
    validate(cfg, opened.choices)
    seed_everything(cfg["seed"], workers=False, verbose=False)
    spec, model = restore(opened.checkpoint)
    data: SequenceData = make(cfg["data"], cfg["trust"])
    data.reuse(spec)
    return spec, model, data
