"""What the command line of `rnnlab embed` asks for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from rnnlab.config.command_line import CommandLine
from rnnlab.config.compose import compose_words, slug
from rnnlab.config.files import config_dir
from rnnlab.config.hints import suggest
from rnnlab.config.overrides import parse
from rnnlab.config.roots import EmbedConfig
from rnnlab.config.validate import validate
from rnnlab.errors import ConfigError

OF_EVALUATION = frozenset({"vectors", "output", "restrict", "root"})
"""Options that mean something where nothing is trained."""

FILES = "text_files"
"""The choice of `data` that reads a file named as the corpus."""


@dataclass(frozen=True)
class Wish:
    """A command line that was understood.

    Attributes:
        options: The command's own options.
        data: Configuration of the corpus; None where vectors are evaluated alone.
        name: A few letters for the folder: of the corpus or of the vector file.
    """

    options: Mapping[str, Any]
    data: dict[str, Any] | None
    name: str

    @classmethod
    def read(cls, words: Sequence[str]) -> Self:
        """From the words behind `embed`.

        Raises:
            ConfigError: An option that is not there or has a wrong value, no corpus, an unknown
                one, options that contradict each other.
        """
        given = CommandLine.without_flags(list(words))
        overrides = parse(given.overrides)
        said = [override.key_or_group for override in overrides]
        if "data" in said:
            raise ConfigError(
                "data: the corpus is named by corpus=CHOICE, its options by data.OPTION=VALUE"
            )
        corpus = [str(o.value()) for o in overrides if o.key_or_group == "corpus"][-1:]
        choice = [_choice(name, given.search) for name in corpus]
        composed = compose_words(
            "embed", [*(f"data={name}" for name in choice), *given.overrides], given.search
        )
        options = {key: value for key, value in composed.cfg.items() if key != "data"}
        if options["vectors"] is not None:
            useless = sorted(set(said) - OF_EVALUATION)
            if useless:
                raise ConfigError(
                    f"{useless[0]}: of no use with vectors=, which are trained already"
                )
            return cls(options, None, Path(options["vectors"]).name.split(".txt")[0])
        if not corpus:
            raise ConfigError("embed: name a corpus=CHOICE|FILE, or vectors=FILE to evaluate")
        data = composed.cfg["data"]
        if choice != corpus:  # a file of the user's
            data |= {"train": corpus[0]} | ({} if "data.level" in said else {"level": "space"})
        validate(composed.cfg, composed.choices, EmbedConfig)
        return cls(options, data, Path(corpus[0]).name.split(".")[0])

    @property
    def folder(self) -> str:
        """Where a folder named by the time belongs, unless `output` names one."""
        return f"outputs/embed-{slug(self.name)}"


def _choice(corpus: str, search: Path | None) -> str:
    """The choice of `data` that reads a corpus."""
    folders = [config_dir()] + ([search] if search else [])
    known = {file.stem for folder in folders for file in (folder / "data").glob("*.yaml")}
    if corpus in known:
        return corpus
    if Path(corpus).is_dir():
        raise ConfigError(f"corpus: {corpus} is a folder; name a text file, one sentence a line")
    if Path(corpus).exists():
        return FILES
    raise ConfigError(
        f"corpus: '{corpus}' is neither a file nor a data set; {suggest(corpus, known)}"
    )
