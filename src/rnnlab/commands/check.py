"""`rnnlab check`: every mistake that can be found without data, or the configuration."""

from omegaconf import OmegaConf

from rnnlab.config.command_line import CommandLine
from rnnlab.config.compose import compose_words
from rnnlab.config.overrides import each_value
from rnnlab.runs.launch import check_all, check_run


def check_words(words: list[str]) -> None:
    """Find mistakes; print the configuration where there are none.

    Raises:
        ConfigError: All mistakes, one a line.
    """
    if words == ["--schema"]:
        import json

        from rnnlab.config.json_schema import json_schema

        print(json.dumps(json_schema(), indent=1))
        return
    if words == ["--reference"]:
        from rnnlab.config.help import reference

        print(reference(), end="")
        return
    line = CommandLine.split(words)
    first = next(each_value(line.overrides)) if line.multirun else line.overrides
    composed = compose_words("train", first, line.search)
    if line.multirun or composed.swept:
        print(f"{check_all(line, composed)} jobs, no mistake found")
        return
    check_run(composed.cfg, composed.choices)
    print(OmegaConf.to_yaml(OmegaConf.create(composed.cfg)), end="")
