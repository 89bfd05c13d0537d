"""The shipped configurations."""

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml  # type: ignore[import-untyped]
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

NOT_PLAIN = (
    *(OSError, ValueError, TypeError, LookupError, RecursionError),
    *(yaml.YAMLError, OmegaConfBaseException),
)
"""What reading a YAML file from anywhere raises, and looking for a key in what it holds."""


def config_dir() -> Path:
    """The folder of the shipped configurations: inside the wheel, or at the checkout's top."""
    packaged = Path(str(files("rnnlab") / "configs"))
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "configs"


def read_yaml(file: Path) -> Any:
    """A YAML file as plain values, interpolations not resolved.

    Raises:
        OSError: It cannot be read.
        ValueError, YAMLError, OmegaConfBaseException: It holds something else.
    """
    return plain_yaml(file.read_text(encoding="utf-8"))


def plain_yaml(text: str) -> Any:
    """The same of a text, which may come from anywhere.

    An alias (`*name`) is refused: a few lines of them stand for more values than memory holds.
    """
    if "*" in text and any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text)):
        raise ValueError("aliases (*name) are not read")
    return OmegaConf.to_container(OmegaConf.create(text), resolve=False)


@cache
def choices(group: str) -> dict[str, Path]:
    """The shipped files of a group, by name."""
    return {file.stem: file for file in sorted((config_dir() / group).glob("*.yaml"))}


def summary(file: Path) -> str:
    """What a choice is, in one line: the first comment of its file."""
    with file.open(encoding="utf-8") as stream:
        comments = (line[1:].strip() for line in stream if line.startswith("#"))
        return next((line for line in comments if not line.startswith("@")), "")
