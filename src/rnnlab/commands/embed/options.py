"""The options of `rnnlab embed`, with the data set that reads its corpus."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnnlab.config.command_line import CommandLine
from rnnlab.config.compose import compose_words
from rnnlab.config.files import choices
from rnnlab.config.hints import suggest
from rnnlab.config.overrides import parse
from rnnlab.config.roots import EmbedConfig
from rnnlab.config.validate import validate
from rnnlab.errors import ConfigError

OF_EVALUATION = frozenset({"vectors", "output", "restrict", "root"})
"""Options that have an effect where nothing is trained."""

FILES = "text_files"
"""The choice of `data` for a corpus that is a file."""


def read_options(words: Sequence[str]) -> dict[str, Any]:
    """Options from the words behind `embed`; see `EmbedConfig`.

    Raises:
        ConfigError: An option that does not exist, does not fit or contradicts another one; no
            corpus or an unknown one.
    """
    line = CommandLine.without_flags(list(words))
    given = {
        override.key_or_group: override.value() for override in parse(line.overrides, EmbedConfig)
    }
    if "data" in given:
        raise ConfigError(
            "data: the corpus is named by corpus=CHOICE, its options by data.OPTION=VALUE"
        )
    corpus = given.get("corpus")
    choice = None if corpus is None else _choice(str(corpus), line.search)
    chosen = [] if choice is None else [f"data={choice}"]
    composed = compose_words("embed", [*chosen, *line.overrides], line.search)
    cfg = composed.cfg
    useless = sorted(given.keys() - OF_EVALUATION)
    if cfg["vectors"] is None and choice is None:
        raise ConfigError("embed: name a corpus=CHOICE|FILE, or vectors=FILE to evaluate")
    if cfg["vectors"] is not None and useless:
        raise ConfigError(f"{useless[0]}: no effect with vectors=, which are trained already")
    if choice is not None and choice != corpus:  # a file of the user's
        cfg["data"]["train"] = str(corpus)
        if "data.level" not in given:
            cfg["data"]["level"] = "space"
    validate(cfg, composed.choices, EmbedConfig)
    return cfg


def _choice(corpus: str, search: Path | None) -> str:
    """The choice of `data` that reads a corpus."""
    known = set(choices("data"))
    if search is not None:
        known |= {file.stem for file in search.glob("data/*.yaml")}
    if corpus in known:
        return corpus
    if Path(corpus).is_dir():
        raise ConfigError(f"corpus: {corpus} is a folder; name a text file, one sentence a line")
    if Path(corpus).exists():
        return FILES
    raise ConfigError(
        f"corpus: '{corpus}' is neither a file nor a data set; {suggest(corpus, known)}"
    )
