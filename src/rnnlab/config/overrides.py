"""`KEY=VALUE` overrides, of one run or of a grid."""

from collections.abc import Iterator, Sequence
from copy import deepcopy
from itertools import product
from pathlib import Path
from typing import Any, get_args

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override, OverrideType
from hydra.errors import HydraException

from rnnlab.config.files import choices, summary
from rnnlab.config.schema import options
from rnnlab.errors import ConfigError, refuse


def parse(words: Sequence[str], root: type | None = None) -> list[Override]:
    """Overrides from words, in Hydra's grammar.

    Args:
        words: The words.
        root: The dataclass of their command, for hints.

    Raises:
        ConfigError: Words that are not overrides, one line each.
    """
    parser = OverridesParser.create()
    parsed: list[Override] = []
    problems: list[str] = []
    for word in words:
        try:
            parsed += parser.parse_overrides([word])
        except HydraException:
            problems.append(no_override(word, root))
    refuse(problems)
    return parsed


def no_override(word: str, root: type | None) -> str:
    """The message for a word that is not KEY=VALUE; a file or folder lacks its key."""
    hint = "; quote a value with special characters: KEY='\"...\"'" if "=" in word else ""
    file, known = Path(word), options(root) if root else {}
    for option in known.values():
        if str in (option.hint, *get_args(option.hint)):  # the first text is what it is about
            if "task" in known and file.is_file() and file.suffix != ".ckpt":
                hint = hint or f"; {_own_file(file)}"
            elif option.required or file.exists():
                hint = hint or f"; did you mean {option.name}={word}?"
            break
    return f"{word}: not KEY=VALUE{hint}"


def _own_file(file: Path) -> str:
    """How a file of the user's own is given; by its suffix, where a choice's help names that."""
    own = {name: summary(path) for name, path in choices("data").items()}
    own = {name: words for name, words in own.items() if words.startswith("Your own")}
    for name, words in own.items():
        formats = (
            words.rpartition(": ")[2].casefold().replace("json lines", "jsonl, json").split(", ")
        )
        if file.suffix.removeprefix(".").casefold() in formats:
            return f"did you mean data={name} data.train={file}?"
    return f"a file of your own: data.train={file}, with data= one of {', '.join(own)}"


def grid(words: Sequence[str]) -> Iterator[list[str]]:
    """The overrides of each job of a grid, in the order of Hydra's basic sweeper."""
    return (list(job) for job in product(*map(_values, parse(words))))


def each_value(words: Sequence[str]) -> Iterator[list[str]]:
    """Jobs that together try every value of every swept override once, not the whole grid.

    Of an interval these are its ends.
    """
    values = [_values(override) for override in parse(words)]
    first = [each[0] for each in values]
    yield first
    for index, each in enumerate(values):
        for value in each[1:]:
            yield [*first[:index], value, *first[index + 1 :]]


def _values(override: Override) -> list[str]:
    key = override.get_key_element()
    if override.is_discrete_sweep():
        return [f"{key}={value}" for value in override.sweep_string_iterator()]
    if override.is_sweep_override():
        interval = override.value()
        assert isinstance(interval, IntervalSweep)
        # as the sweeper draws them: whole numbers only where both ends are
        return [f"{key}={end}" for end in dict.fromkeys((interval.start, interval.end))]
    return [override.input_line or ""]


def override_values(cfg: dict[str, Any], words: Sequence[str]) -> dict[str, Any]:
    """A configuration with single values changed; unknown options are left to `validate`.

    Args:
        cfg: Plain values.
        words: `KEY=VALUE` overrides of values, not of groups.

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
        node[last] = at_home(override.value())
    return changed


def at_home(value: Any) -> Any:
    """A value where `~` at the start of a path is the home folder, as a shell has it."""
    if isinstance(value, str) and value.startswith("~/"):
        return str(Path(value).expanduser())
    if isinstance(value, dict):
        return {key: at_home(child) for key, child in value.items()}
    return [at_home(child) for child in value] if isinstance(value, list) else value
