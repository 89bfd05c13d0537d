"""The shipped configurations."""

from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf


def config_dir() -> Path:
    """The folder of the shipped configurations: inside the wheel, or at the checkout's top."""
    packaged = Path(str(files("rnnlab") / "configs"))
    return packaged if packaged.is_dir() else Path(__file__).parents[3] / "configs"


def read_yaml(file: Path) -> Any:
    """A YAML file as plain values, interpolations not resolved."""
    return OmegaConf.to_container(OmegaConf.load(file), resolve=False)


@cache
def choices(group: str) -> dict[str, Path]:
    """The shipped files of a group, by name."""
    return {file.stem: file for file in sorted((config_dir() / group).glob("*.yaml"))}


def summary(file: Path) -> str:
    """What a choice is, in one line: the first comment of its file."""
    with file.open(encoding="utf-8") as stream:
        comments = (line[1:].strip() for line in stream if line.startswith("#"))
        return next((line for line in comments if not line.startswith("@")), "")
