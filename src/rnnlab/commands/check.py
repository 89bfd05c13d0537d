"""`rnnlab check`: prints every mistake that can be found without data, or the configuration."""

import json

from omegaconf import OmegaConf

from rnnlab.config.command_line import CommandLine
from rnnlab.config.help import reference
from rnnlab.config.json_schema import json_schema
from rnnlab.errors import counted
from rnnlab.runs.jobs import check_jobs

FLAGS = frozenset({"--schema", "--reference"})
"""Flags that print something instead of checking."""


def check_words(words: list[str]) -> None:
    """Find mistakes; print the configuration where there are none.

    Raises:
        ConfigError: All mistakes, one a line.
    """
    line = CommandLine.split(words, FLAGS)
    if "--schema" in line.flags:
        print(json.dumps(json_schema(), indent=1))
        return
    if "--reference" in line.flags:
        print(reference(), end="")
        return
    composed, jobs = check_jobs(line)
    if jobs:
        print(f"{counted(len(jobs), 'job')}, no mistake found")
    else:
        print(OmegaConf.to_yaml(OmegaConf.create(composed.cfg)), end="")
