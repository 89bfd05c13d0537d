"""`rnnlab check`: prints every mistake that can be found without data, or the configuration."""

import json

from omegaconf import OmegaConf

from rnnlab.config.command_line import CommandLine
from rnnlab.config.compose import compose_words
from rnnlab.config.help import reference
from rnnlab.config.json_schema import json_schema
from rnnlab.config.overrides import each_value
from rnnlab.runs.launch import check_all, check_run

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
    first = next(each_value(line.overrides)) if line.multirun else line.overrides
    composed = compose_words("train", first, line.search)
    if line.multirun or composed.swept:
        print(f"{check_all(line, composed)} jobs, no mistake found")
        return
    check_run(composed.cfg, composed.choices)
    print(OmegaConf.to_yaml(OmegaConf.create(composed.cfg)), end="")
