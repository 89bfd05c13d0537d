"""A JSON schema of the files in `configs/`, so that an editor completes and underlines.

A component's file has its options beside `_target_`; a task's or an experiment's has options of a
command, and in each group those of any class that the group chooses from.
"""

import types
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt

from rnnlab.config.files import choices, read_yaml
from rnnlab.config.roots import ROOTS, Instruments, TrainConfig
from rnnlab.config.schema import Option, nested, options
from rnnlab.config.trust import locate, nodes, shipped

Schema = dict[str, Any]

_KEYWORD = {
    Ge: ("minimum", "ge"),
    Gt: ("exclusiveMinimum", "gt"),
    Le: ("maximum", "le"),
    Lt: ("exclusiveMaximum", "lt"),
}
_SCALAR = {int: "integer", float: "number", bool: "boolean", str: "string", type(None): "null"}
_LOOKED_UP = {"type": "string", "pattern": r"\$\{"}
_HYDRA = {"defaults": {"type": "array"}, "hydra": {"type": "object"}}


def json_schema() -> Schema:
    """The schema of every file below `configs/`."""
    components = {target: locate(target) for target in sorted(shipped()) if _is_component(target)}
    own = [_component(target, made) for target, made in components.items()]
    roots = [_root(root) for root in ROOTS.values()]
    several = {
        "type": "object",
        "properties": _beside(),
        "additionalProperties": {"anyOf": [*own, {"type": "null"}]},
    }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "rnnlab",
        "$defs": {name: _group(name) for name, o in options(TrainConfig).items() if o.group},
        "anyOf": [*own, _any_component(components.values(), partial=True), several, *roots],
    }


def _is_component(target: str) -> bool:
    return not target.startswith("rnnlab.runs.")  # what Hydra makes, not rnnlab


def _component(target: str, made: Any) -> Schema:
    known = options(made)
    return {
        "type": "object",
        "properties": {"_target_": {"const": target}, **_HYDRA, **_properties(known)},
        "required": ["_target_"],
        "additionalProperties": False,
    }


def _any_component(made: Iterable[Any], *, partial: bool = False) -> Schema:
    """A node that has options of one of several classes, or of the class of its defaults."""
    properties: dict[str, Any] = {}
    for component in made:
        for name, schema in _properties(options(component)).items():
            variants = properties.setdefault(name, {"anyOf": []})["anyOf"]
            if schema not in variants:
                variants.append(schema)
    start: Schema = {"_target_": {"type": "string"}, **_HYDRA} if not partial else {**_HYDRA}
    return {
        "type": ["object", "null"],
        "properties": {**start, **properties},
        "additionalProperties": False,
    }


def _root(root: type) -> Schema:
    properties: dict[str, Any] = {**_HYDRA}
    for name, option in options(root).items():
        if option.group:
            properties[name] = {"$ref": f"#/$defs/{name}"} | _text(option)
        else:
            properties[name] = _option(option)
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _group(name: str) -> Schema:
    found: list[tuple[str, Any]] = [
        (path, locate(str(node["_target_"])))
        for file in choices(name).values()
        for path, node in _of_group(name, file)
    ]
    parts = list(dict.fromkeys(path for path, _ in found))
    if parts in ([], [""]):
        return _any_component(made for _, made in found)
    each = {part: _any_component(made for path, made in found if path == part) for part in parts}
    return {
        "type": ["object", "null"],
        "properties": {**each, **_beside()},
        "additionalProperties": False,
    }


def _of_group(name: str, file: Path) -> list[tuple[str, dict[str, Any]]]:
    """The components that a choice gives a group, by the name within it."""
    content = read_yaml(file) or {}
    if isinstance(content.get(name), dict):  # of the whole configuration
        content = content[name]
    return [(path, node) for path, node in nodes(content) if "." not in path]


def _beside() -> Schema:
    return _properties(options(Instruments))


def _properties(known: Mapping[str, Option]) -> Schema:
    return {name: _option(option) for name, option in known.items()}


def _option(option: Option) -> Schema:
    inner = nested(option)
    if inner is not None:
        return {
            "type": "object",
            "properties": _properties(options(inner)),
            "additionalProperties": False,
        } | _text(option)
    schema = _hint(option.hint)
    return ({"anyOf": [schema, _LOOKED_UP]} if schema else {}) | _text(option)


def _text(option: Option) -> Schema:
    return {"description": option.doc} if option.doc else {}


def _hint(hint: Any) -> Schema:
    """What a type annotation says; nothing where it says nothing that YAML has."""
    origin = get_origin(hint)
    if origin is Annotated:
        schema = _hint(hint.__origin__)
        for item in hint.__metadata__:
            if type(item) in _KEYWORD:
                keyword, attribute = _KEYWORD[type(item)]
                schema = schema | {keyword: getattr(item, attribute)}
        return schema
    if origin is Literal:
        return {"enum": list(get_args(hint))}
    if origin in (Union, types.UnionType):
        variants = [_hint(part) for part in get_args(hint)]
        return {"anyOf": [each for each in variants if each]} if all(variants) else {}
    if hint in _SCALAR:
        return {"type": _SCALAR[hint]}
    if hint is None:
        return {"type": "null"}
    container = origin or hint
    if isinstance(container, type) and issubclass(container, Mapping):
        return {"type": "object"}
    if isinstance(container, type) and issubclass(container, Sequence):
        return _array(hint)
    return {}


def _array(hint: Any) -> Schema:
    parts = [part for part in get_args(hint) if part is not Ellipsis]
    if get_origin(hint) is tuple and Ellipsis not in get_args(hint):
        each = [_hint(part) for part in parts]
        return {"type": "array", "prefixItems": each, "minItems": len(each), "maxItems": len(each)}
    return {"type": "array"} | ({"items": _hint(parts[0])} if parts and _hint(parts[0]) else {})
