"""A configuration against the options of the classes it names, before anything is built.

The one enforcer of names, types, choices and ranges: constructors rely on it.
"""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from rnnlab.config.files import choices, read_yaml
from rnnlab.config.hints import describe, fits, shown, suggest
from rnnlab.config.option_names import option_names
from rnnlab.config.renames import ELSEWHERE, OPTIONS
from rnnlab.config.roots import TrainConfig
from rnnlab.config.schema import Option, nested, options
from rnnlab.config.trust import locate, targets, unusable
from rnnlab.config.types import Group
from rnnlab.errors import refuse


def validate(
    cfg: Mapping[str, Any], chosen: Mapping[str, Any] | None = None, root: type = TrainConfig
) -> None:
    """Check a resolved configuration.

    Args:
        cfg: Plain values, interpolations resolved.
        chosen: What stands for each group ("task" -> "ner"), for the messages.
        root: The dataclass of its command.

    Raises:
        ConfigError: All problems at once, one a line.
    """
    refuse(find_problems(cfg, chosen or {}, root))


def check_values(root: type, **values: Any) -> None:
    """Check single options of a command that were given from Python.

    Raises:
        ConfigError: All problems at once, one a line.
    """
    known = options(root)
    refuse(node_problems("", values, {name: known[name] for name in values}))


def find_problems(
    cfg: Mapping[str, Any], chosen: Mapping[str, Any], root: type = TrainConfig
) -> Iterator[str]:
    """Every problem of a configuration, a line each."""
    trusted = cfg.get("trust")
    trusted = trusted if isinstance(trusted, list) else []
    for path, target in targets(cfg):
        problem = unusable(path, target, trusted)
        if problem:
            yield problem
    found = list(node_problems("", cfg, options(root), trusted))
    top = [line for line in found if "." not in line.partition(":")[0]]
    # what a group repeats of the top, such as data.seed=${seed}, is reported once
    yield from (line for line in found if line in top or line.partition(".")[2] not in top)
    yield from _kinds(cfg, chosen, trusted)


def node_problems(
    path: str,
    node: Mapping[str, Any],
    known: Mapping[str, Option],
    trusted: Sequence[str] = (),
    owner: str = "",
) -> Iterator[str]:
    """Problems of one node: unknown options, values that do not fit, missing options.

    Args:
        path: Where it stands, such as "cell"; empty for the top.
        node: Its values.
        known: Its options.
        trusted: Packages of the user's own.
        owner: The name of its class, for the messages.
    """
    prefix = f"{path}." if path else ""
    for key, value in node.items():
        name = f"{prefix}{key}"
        if str(key).startswith("_"):
            if key != "_target_":
                yield f"{name}: keys with an underscore are not options"
        elif key in known:
            yield from _value_problems(name, value, known[str(key)], trusted)
        else:
            yield unknown(name, known, owner)
    for key, option in known.items():
        if option.required and key not in node:
            whose = f"{owner} needs a value for it" if owner else f"missing; say {key}=..."
            yield f"{prefix}{key}: {whose}"


def unknown(name: str, known: Iterable[str], owner: str = "") -> str:
    """The message for an option that does not exist."""
    if name in OPTIONS:
        return f"{name}: renamed to {OPTIONS[name]}"
    has = f"{owner} has no such option" if owner else "no such option"
    group, _, last = name.rpartition(".")

    def elsewhere() -> list[str]:
        return [each for each in option_names(TrainConfig) if not each.startswith(f"{group}.")]

    hint = f"did you mean '{ELSEWHERE[last]}'?" if last in ELSEWHERE else ""
    return f"{name}: {has}; {hint or suggest(last, known, elsewhere)}"


def _value_problems(name: str, value: Any, option: Option, trusted: Sequence[str]) -> Iterator[str]:
    if option.group:
        yield from _group_problems(name, value, option, option.group, trusted)
    elif nested(option) is not None:
        if isinstance(value, dict):
            yield from node_problems(name, value, options(nested(option)))
        else:
            yield f"{name}: {shown(value)} is not a mapping"
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{name}: {value} is not a finite number"
    elif not fits(value, option.hint):
        expected = describe(option.hint)
        yield f"{name}: {shown(value)} {f'is not {expected}' if expected else 'does not fit'}"


def _group_problems(
    name: str, value: Any, option: Option, group: Group, trusted: Sequence[str]
) -> Iterator[str]:
    """Problems of what a group's choice gives: a component, or several by name."""
    if value is None or value == {}:
        if option.required:
            yield f"{name}: nothing is chosen"
    elif group.beside is None or not isinstance(value, dict) or "_target_" in value:
        yield from _component_problems(name, value, group.role, trusted)
    else:
        plain = options(group.beside)
        own = {key: child for key, child in value.items() if key in plain}
        yield from node_problems(name, own, plain, trusted)
        offered = {key for file in choices(name).values() for key in read_yaml(file) or {}}
        for key, child in value.items():
            if key in plain:
                continue
            if key in offered or (isinstance(child, dict) and "_target_" in child):
                yield from _component_problems(f"{name}.{key}", child, group.role, trusted)
            elif child is not None:
                yield unknown(f"{name}.{key}", {*plain, *value, *offered} - {key})


def _component_problems(name: str, value: Any, role: str, trusted: Sequence[str]) -> Iterator[str]:
    if isinstance(value, dict) and "_target_" in value:
        target = str(value["_target_"])
        if not unusable(name, target, trusted):
            component = locate(target)
            if isinstance(component, type) and issubclass(component, locate(role)):
                known = options(component)
                yield from node_problems(name, value, known, trusted, component.__name__)
            else:
                yield f"{name}._target_: {target} is no {role.rpartition('.')[2]}"
    elif value is not None:
        inner = f".{next(iter(value))}" if isinstance(value, dict) and value else ""
        yield f"{name}{inner}: nothing is chosen here that has options"


def _kinds(
    cfg: Mapping[str, Any], chosen: Mapping[str, Any], trusted: Sequence[str]
) -> Iterator[str]:
    parts = [cfg.get("task"), cfg.get("data")]
    targets = [str(p["_target_"]) for p in parts if isinstance(p, dict) and "_target_" in p]
    if len(targets) < 2 or any(unusable("", target, trusted) for target in targets):
        return
    task_class, data_class = map(locate, targets)
    wanted, given = getattr(task_class, "kind", None), getattr(data_class, "kind", None)
    if None not in (wanted, given) and wanted not in _kinds_of(data_class):
        task, data = chosen.get("task", "chosen"), chosen.get("data", "chosen")
        yield (
            f"task {task} needs {wanted}; data {data} gives {given}. "
            f"Data with {wanted}: {', '.join(data_of_kind(str(wanted)))}"
        )


def data_of_kind(kind: str) -> Sequence[str]:
    """Names of the shipped data sets with a kind of target."""
    files = choices("data").items()
    return [n for n, file in files if kind in _kinds_of(locate(read_yaml(file)["_target_"]))]


def _kinds_of(data: Any) -> Sequence[str]:
    return [data.kind, *getattr(data, "other_kinds", ())]
