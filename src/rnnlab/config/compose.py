"""From the words of a command line to one checked configuration, with errors in one style."""

import re
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException, MissingConfigException
from omegaconf import OmegaConf, open_dict
from omegaconf.errors import ConfigKeyError, OmegaConfBaseException
from yaml import MarkedYAMLError, YAMLError  # type: ignore[import-untyped]

from rnnlab.config.hints import suggest
from rnnlab.config.root_checks import groups, override_problems
from rnnlab.config.roots import (
    AnalyzeConfig,
    EmbedConfig,
    EvaluateConfig,
    PredictConfig,
    TrainConfig,
    config_dir,
    register,
)
from rnnlab.errors import ConfigError

UNSOUND = (HydraException, OmegaConfBaseException, YAMLError, ValueError)
"""What composing raises for words and files that are wrong; see `explain`."""

_PLACE = re.compile(r"In '(.+?)': ")

ROOTS: dict[str, type] = {
    "train": TrainConfig,
    "evaluate": EvaluateConfig,
    "predict": PredictConfig,
    "analyze": AnalyzeConfig,
    "embed": EmbedConfig,
}


@dataclass(frozen=True)
class Composed:
    """A configuration as plain values, and the choice made for each group.

    Attributes:
        cfg: The configuration.
        choices: "task" -> "ner" and so on.
        swept: What the configuration itself sweeps over, as overrides; empty where it is one run.
    """

    cfg: dict[str, Any]
    choices: dict[str, Any]
    swept: tuple[str, ...] = ()


def compose_words(root: str, words: Sequence[str], search: Path | None = None) -> Composed:
    """Compose `configs/<root>.yaml` with overrides, reporting unknown names in rnnlab's style.

    Unknown keys inside a group are let through here, so that `validate` can report all of them at
    once against the signature of the class they were meant for.

    Args:
        root: "train", "evaluate", "predict", "analyze" or "embed".
        words: Overrides in Hydra's grammar; not a sweep (see `single_runs`).
        search: A folder of the user's own configurations.

    Raises:
        ConfigError: An override that cannot be parsed or composed.
    """
    register()
    folders = [config_dir()] + ([search] if search else [])
    if search and not search.is_dir():
        raise ConfigError(f"--config-dir: no folder {search}")
    overrides = parse(words)
    problems = list(override_problems(root, ROOTS[root], overrides, folders))
    if problems:
        raise ConfigError("\n".join(problems))
    lenient = [_lenient(override, groups(root)) for override in overrides]
    if search:
        lenient.append(f"hydra.searchpath=['file://{search.resolve()}']")
    try:
        with initialize_config_dir(str(config_dir())):
            cfg = compose(root, lenient, return_hydra_config=True)
            choices = dict(cfg.hydra.runtime.choices)
            swept = _swept(cfg.hydra)
            with open_dict(cfg):
                del cfg["hydra"]
            plain = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except UNSOUND as error:
        raise ConfigError(explain(error)) from None
    assert isinstance(plain, dict)
    return Composed({str(key): value for key, value in plain.items()}, choices, swept)


def _swept(hydra: Any) -> tuple[str, ...]:
    params = hydra.sweeper.get("params") or {}
    return tuple(f"{key}={value}" for key, value in params.items())


def parse(words: Sequence[str]) -> list[Override]:
    """Overrides from words; words that are none are a ConfigError."""
    parser = OverridesParser.create()
    parsed: list[Override] = []
    problems: list[str] = []
    for word in words:
        try:
            parsed += parser.parse_overrides([word])
        except HydraException:
            problems.append(
                f"{word}: not KEY=VALUE; a value with other than letters, digits and -_./ is "
                "written in quotes, KEY='\"...\"'"
            )
    if problems:
        raise ConfigError("\n".join(problems))
    return parsed


def single_runs(words: Sequence[str]) -> Iterator[list[str]]:
    """Runs that together try every value of every swept override once (not the whole grid)."""
    overrides = parse(words)
    values: dict[int, list[str]] = {}
    for index, override in enumerate(overrides):
        if override.is_discrete_sweep():
            key = override.get_key_element()
            values[index] = [f"{key}={value}" for value in override.sweep_string_iterator()]
        elif override.is_sweep_override():
            values[index] = []  # an interval: the sweeper knows its values, we do not
    first = {index: each[0] for index, each in values.items() if each}

    def run(chosen: dict[int, str]) -> list[str]:
        kept = ((index, override.input_line or "") for index, override in enumerate(overrides))
        return [chosen.get(i, w) for i, w in kept if i in chosen or i not in values]

    yield run(first)
    for index, each in values.items():
        for value in each[1:]:
            yield run(first | {index: value})


def _lenient(override: Override, offered: frozenset[str]) -> str:
    line = override.input_line or ""
    group, dot, _ = override.key_or_group.partition(".")
    inside = dot and group in offered
    return f"++{line}" if override.type is OverrideType.CHANGE and inside else line


def explain(error: Exception) -> str:
    """Hydra's, OmegaConf's and YAML's own errors, in one line."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        available = ", ".join(error.options or []) or "nothing"
        return f"Could not find '{error.missing_cfg_file}'. Available: {available}"
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"{mark.name}:{mark.line + 1}: {error.problem}"
    chain: list[BaseException] = [error]
    while (deeper := chain[-1].__cause__ or chain[-1].__context__) is not None:
        chain.append(deeper)
    place = _PLACE.match(str(error))
    where = f" (in {place[1]})" if place else ""
    for link in reversed(chain):
        key = getattr(link, "full_key", None)
        if key and isinstance(link, OmegaConfBaseException):
            schema = getattr(link, "object_type", None)
            if isinstance(link, ConfigKeyError) and isinstance(schema, type):
                hint = suggest(str(key).rpartition(".")[2], get_type_hints(schema))
                return f"{key}: no such option; {hint}{where}"
            return f"{key}: {_first_line(getattr(link, 'msg', None) or link)}{where}"
    return _first_line(error)


def _first_line(message: object) -> str:
    lines = [line.strip() for line in str(message).splitlines() if line.strip()]
    return lines[0] if lines else type(message).__name__


def override_values(cfg: dict[str, Any], words: Sequence[str]) -> dict[str, Any]:
    """A configuration with single values changed; unknown keys are left to `validate`.

    Args:
        cfg: Plain values.
        words: `key=value` overrides of values, not of groups.

    Raises:
        ConfigError: An override of a key that is not there, or of a whole group.
    """
    changed = deepcopy(cfg)
    for override in parse(words):
        key = override.key_or_group
        if override.is_sweep_override() or override.type is OverrideType.DEL:
            raise ConfigError(f"{override.input_line}: one value is needed here")
        if "." not in key and isinstance(cfg.get(key), dict):
            raise ConfigError(f"{key}: single options can be changed here, not the whole group")
        *parents, last = key.split(".")
        node: Any = changed
        for name in parents:
            node = node.get(name) if isinstance(node, dict) else None
        if not isinstance(node, dict) or (node is changed and last not in cfg):
            raise ConfigError(f"{key}: the configuration has no such option")
        node[last] = override.value()
    return changed
