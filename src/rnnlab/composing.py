"""From the words of a command line to one checked configuration, with errors in one style."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType
from hydra.errors import HydraException, MissingConfigException
from omegaconf import OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from rnnlab.config import EvaluateConfig, PredictConfig, TrainConfig, config_dir, register
from rnnlab.errors import ConfigError

ROOTS: dict[str, type] = {
    "train": TrainConfig,
    "evaluate": EvaluateConfig,
    "predict": PredictConfig,
}


@dataclass(frozen=True)
class Composed:
    """A configuration as plain values, and the choice made for each group."""

    cfg: dict[str, Any]
    choices: dict[str, Any]


def compose_words(root: str, words: Sequence[str], search: Path | None = None) -> Composed:
    """Compose `configs/<root>.yaml` with overrides, reporting unknown names in rnnlab's style.

    Unknown keys inside a group are let through here, so that `validate` can report all of them at
    once against the signature of the class they were meant for.

    Args:
        root: "train", "evaluate" or "predict".
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
    problems = list(_unknown_roots(root, overrides, folders))
    if problems:
        raise ConfigError("\n".join(problems))
    groups = _groups(folders)
    lenient = [_lenient(override, groups) for override in overrides]
    if search:
        lenient.append(f"hydra.searchpath=['file://{search.resolve()}']")
    try:
        with initialize_config_dir(str(config_dir())):
            cfg = compose(root, lenient, return_hydra_config=True)
            choices = dict(cfg.hydra.runtime.choices)
            with open_dict(cfg):
                del cfg["hydra"]
            plain = OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(explain(error)) from None
    assert isinstance(plain, dict)
    return Composed({str(key): value for key, value in plain.items()}, choices)


def parse(words: Sequence[str]) -> list[Override]:
    """Overrides from words; a word that is none is a ConfigError."""
    try:
        return list(OverridesParser.create().parse_overrides(list(words)))
    except HydraException as error:
        raise ConfigError(explain(error)) from None


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
        kept = (
            (index, override.input_line or "") for index, override in enumerate(overrides)
        )
        return [chosen.get(i, w) for i, w in kept if i in chosen or i not in values]

    yield run(first)
    for index, each in values.items():
        for value in each[1:]:
            yield run(first | {index: value})


def _groups(folders: Sequence[Path]) -> set[str]:
    return {path.name for folder in folders for path in folder.iterdir() if path.is_dir()}


def _lenient(override: Override, groups: set[str]) -> str:
    line = override.input_line or ""
    group, dot, _ = override.key_or_group.partition(".")
    inside = dot and group in groups
    return f"++{line}" if override.type is OverrideType.CHANGE and inside else line


def _unknown_roots(
    root: str, overrides: Sequence[Override], folders: Sequence[Path]
) -> Iterator[str]:
    from rnnlab.validate import suggest

    known = {field.name for field in fields(ROOTS[root])} | _groups(folders)
    for override in overrides:
        name = override.key_or_group.split(".")[0].split("/")[0]
        if name not in known | {"hydra"}:
            yield f"{override.key_or_group}: rnnlab has no option '{name}'; {suggest(name, known)}"


def explain(error: Exception) -> str:
    """Hydra's and OmegaConf's own errors, in one line."""
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        available = ", ".join(error.options or []) or "nothing"
        return f"Could not find '{error.missing_cfg_file}'. Available: {available}"
    chain: list[BaseException] = [error]
    while (deeper := chain[-1].__cause__) is not None:
        chain.append(deeper)
    for link in reversed(chain):
        key = getattr(link, "full_key", None)
        if key and isinstance(link, OmegaConfBaseException):
            return f"{key}: {_first_line(getattr(link, 'msg', None) or link)}"
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
    changed = OmegaConf.create(cfg)
    for override in parse(words):
        key = override.key_or_group
        if override.is_sweep_override() or override.type is OverrideType.DEL:
            raise ConfigError(f"{override.input_line}: one value is needed here")
        if "." not in key and isinstance(cfg.get(key), dict):
            raise ConfigError(f"{key}: single options can be changed here, not the whole group")
        if key.split(".")[0] not in cfg:
            raise ConfigError(f"{key}: the configuration has no such option")
        OmegaConf.update(changed, key, override.value(), force_add=True)
    plain = OmegaConf.to_container(changed, resolve=True)
    assert isinstance(plain, dict)
    return {str(name): value for name, value in plain.items()}
