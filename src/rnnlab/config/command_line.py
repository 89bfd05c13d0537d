"""Splits a command line into overrides and flags."""

import re
import sys
from collections.abc import Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from rnnlab.config.hints import suggest
from rnnlab.errors import ConfigError

SEARCH = ("--config-dir", "-cd")
WITH_VALUE = frozenset({*SEARCH, "--config-name", "-cn", "--config-path", "-cp", "--package", "-p"})
INSPECTING = frozenset({"--cfg", "-c", "--info", "-i", "--shell-completion", "-sc", "--hydra-help"})
FLAGS = WITH_VALUE | INSPECTING | {"--multirun", "-m", "--run", "-r", "--resolve"}
"""Flags of Hydra; those with a value take it after `=` or as the next word."""

_TILDE = re.compile(r"""(^|^[^=]+=["'\[(]*|,["']?)~/""")
"""The home folder where a path may begin: a shell replaces it at the start of a word alone."""


@dataclass(frozen=True)
class CommandLine:
    """The rest of a command line, after the command.

    Attributes:
        overrides: `KEY=VALUE` words.
        flags: Hydra's flags, with their values.
        search: Folder of the user's own configurations (`--config-dir`).
    """

    overrides: list[str]
    flags: list[str]
    search: Path | None

    @classmethod
    def split(cls, words: list[str], own: Set[str] = frozenset()) -> Self:
        """Split a command line.

        Args:
            words: The words behind the command.
            own: Flags of the command itself.

        Raises:
            ConfigError: A flag that does not exist.
        """
        overrides: list[str] = []
        flags: list[str] = []
        search: Path | None = None
        rest = iter(words)
        for word in rest:
            if not word.startswith("-"):
                overrides.append(_TILDE.sub(_home, word))
                continue
            name, equals, value = word.partition("=")
            if name not in FLAGS | own:
                near = {flag for flag in FLAGS | own if flag[:2] == name[:2]}
                raise ConfigError(f"{name}: no such flag; {suggest(name, near or FLAGS | own)}")
            flags.append(word)
            if name in WITH_VALUE and not equals:
                value = next(rest, "")
                flags.append(value)
            if name in SEARCH:
                search = Path(value).expanduser()
        return cls(overrides, flags, search)

    @classmethod
    def without_flags(cls, words: list[str]) -> Self:
        """Split the command line of a command whose only flag is `--config-dir`.

        Raises:
            ConfigError: Another flag was given.
        """
        line = cls.split(words)
        for flag in (flag for flag in line.flags if flag.startswith("-")):
            if flag.partition("=")[0] not in SEARCH:
                raise ConfigError(f"{flag}: only 'rnnlab train' has this flag")
        return line

    @property
    def multirun(self) -> bool:
        """Whether several runs are asked for."""
        return any(flag in ("-m", "--multirun") for flag in self.flags)

    @property
    def inspects(self) -> bool:
        """Whether Hydra is to show something instead of running."""
        return bool({flag.partition("=")[0] for flag in self.flags} & INSPECTING)

    def value(self, key: str) -> str | None:
        """The text given last for a key; None where there is none."""
        given = [word for word in self.overrides if word.startswith(f"{key}=")]
        return given[-1].removeprefix(f"{key}=") if given else None

    def without(self, key: str) -> list[str]:
        """The overrides of all other keys."""
        return [word for word in self.overrides if not word.startswith(f"{key}=")]


def _home(found: re.Match[str]) -> str:
    return f"{found[1]}{Path.home()}/"


def use_current_folder(cfg: Mapping[str, Any]) -> None:
    """Let trusted packages be imported from the current folder."""
    if cfg.get("trust") and str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))
