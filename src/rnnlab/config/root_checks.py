"""The top of a configuration: groups, their choices, and the root's own options."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_type_hints

from hydra.core.override_parser.types import Override, OverrideType

from rnnlab.config.hints import describe, fits, shown, suggest
from rnnlab.config.roots import TrainConfig, config_dir
from rnnlab.config.trust import read_yaml


@cache
def groups(root: str) -> frozenset[str]:
    """The groups that `configs/<root>.yaml` chooses from."""
    defaults = read_yaml(config_dir() / f"{root}.yaml")["defaults"]
    entries = (next(iter(entry)) for entry in defaults if isinstance(entry, dict))
    return frozenset(name for name in entries if not name.startswith("override "))


def override_problems(
    root: str, schema: type, overrides: Sequence[Override], folders: Sequence[Path]
) -> Iterator[str]:
    """Names that are not there, choices without a file, values that the root has no place for.

    Args:
        root: "train", "evaluate", "predict", "analyze" or "embed".
        schema: Its dataclass.
        overrides: What the user said.
        folders: Where configurations are looked for.
    """
    offered = groups(root)
    known = offered | {field.name for field in fields(schema)}
    for override in overrides:
        key, line = override.key_or_group, override.input_line or ""
        name = key.split(".")[0].split("/")[0]
        if name == "hydra":
            continue
        if not name:
            yield f"{line}: not KEY=VALUE"
        elif name not in known:
            yield f"{key}: rnnlab has no option '{name}'; {suggest(name, known)}"
        elif override.is_sweep_override():
            yield f"{line}: several values need -m; a list is written {key}=[...]"
        elif override.type is OverrideType.DEL:
            continue
        elif key in offered:
            yield from _choice_problems(key, override.value(), folders)
        elif name not in offered:
            yield from _path_problems(schema, key, override.value())


def _choice_problems(group: str, value: Any, folders: Sequence[Path]) -> Iterator[str]:
    files = (file for folder in folders for file in (folder / group).glob("*.yaml"))
    available = sorted({file.stem for file in files})
    for choice in value if isinstance(value, list) else [value]:
        name = "null" if choice is None else str(choice).removesuffix(".yaml")
        if "${" not in name and name not in available:
            yield f"Could not find '{group}/{name}'. Available: {', '.join(available)}"


def _path_problems(schema: type, key: str, value: Any) -> Iterator[str]:
    hint: Any = schema
    bounds: Mapping[str, Any] = {}
    for part in key.split("."):
        hints = get_type_hints(hint) if is_dataclass(hint) else {}
        if part not in hints:
            yield f"{key}: no such option; {suggest(part, hints)}"
            return
        bounds = _bounds(hint)[part]
        hint = hints[part]
    if isinstance(value, str) and "${" in value:
        return  # looked up later
    if fits("", hint) and not isinstance(value, list | dict):
        return  # a number can be a text
    yield from _value_problems(hint, key, value, bounds)


def root_problems(cfg: Mapping[str, Any]) -> Iterator[str]:
    """Problems of what stands at the top of a configuration of `rnnlab train`."""
    hints = get_type_hints(TrainConfig)
    for field in fields(TrainConfig):
        if field.name not in cfg:
            # what may be empty may be absent: older checkpoints know fewer groups
            empty = hints[field.name] is Any and field.default is None
            if not empty and not field.metadata.get("newer"):
                yield f"{field.name}: missing"
        elif hints[field.name] is Any:
            beside = field.metadata.get("beside")
            yield from _component_problems(field.name, cfg[field.name], beside)
            if not cfg[field.name] and field.default is not None:
                yield f"{field.name}: nothing is chosen"
        else:
            value = cfg[field.name]
            yield from _value_problems(hints[field.name], field.name, value, field.metadata)
    for key in cfg:
        if key not in hints:
            yield f"{key}: rnnlab has no option '{key}'; {suggest(str(key), hints)}"


def _component_problems(key: str, node: Any, beside: type | None = None) -> Iterator[str]:
    if isinstance(node, dict):
        if "_target_" not in node:
            hints = get_type_hints(beside) if beside else {}
            known = [n for n, child in node.items() if n in hints or _is_component(child)]
            for name, child in node.items():
                if name in hints:
                    bounds = _bounds(beside)[name]
                    yield from _value_problems(hints[name], f"{key}.{name}", child, bounds)
                elif known and name not in known and name not in _parts(key):
                    yield f"{key}.{name}: no such option; {suggest(str(name), known)}"
                else:
                    yield from _component_problems(f"{key}.{name}", child)
    elif node is not None:
        yield f"{key}: nothing is chosen here that has options"


@cache
def _parts(group: str) -> frozenset[str]:
    """Names that any choice of a group has; a choice may have set one to null."""
    files = (config_dir() / group).glob("*.yaml")
    return frozenset(str(name) for file in files for name in read_yaml(file) or {})


def _is_component(node: Any) -> bool:
    return node is None or (isinstance(node, dict) and "_target_" in node)


def _bounds(schema: Any) -> dict[str, Mapping[str, Any]]:
    return {field.name: field.metadata for field in fields(schema)}


def _value_problems(hint: Any, key: str, value: Any, bounds: Mapping[str, Any]) -> Iterator[str]:
    if is_dataclass(hint):
        if not isinstance(value, dict):
            yield f"{key}: '{value}' is not a mapping"
            return
        hints = get_type_hints(hint)
        for name, child in value.items():
            if name in hints:
                yield from _value_problems(hints[name], f"{key}.{name}", child, _bounds(hint)[name])
            else:
                yield f"{key}.{name}: no such option; {suggest(str(name), hints)}"
        for name in hints.keys() - value.keys():
            yield f"{key}.{name}: missing"
    elif not fits(value, hint):
        yield f"{key}: {shown(value)} is not {describe(hint)}"
    elif isinstance(value, int | float) and value < bounds.get("least", value):
        yield f"{key}: {value} is too small, the least is {bounds['least']}"
    elif isinstance(value, int | float) and value > bounds.get("most", value):
        yield f"{key}: {value} is too large, the most is {bounds['most']}"
    elif isinstance(value, int | float) and not _inside(value, bounds):
        yield f"{key}: {value} is not above {bounds['above']} and below {bounds['below']}"


def _inside(value: float, bounds: Mapping[str, Any]) -> bool:
    return "above" not in bounds or bounds["above"] < value < bounds["below"]
