"""A JSON schema of the files in `configs/`, so that an editor completes and underlines.

A component's file has its options beside `_target_`; a task's or an experiment's has options of a
command, and in each group those of any class that the group chooses from.
"""

import types
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from rnnlab.config.files import choices, read_yaml
from rnnlab.config.hints import bounds
from rnnlab.config.roots import ROOTS, Instruments, TrainConfig
from rnnlab.config.schema import Option, nested, options
from rnnlab.config.trust import locate, nodes, shipped

Schema = dict[str, Any]

_KEYWORD = {
    "at least": "minimum",
    "above": "exclusiveMinimum",
    "at most": "maximum",
    "below": "exclusiveMaximum",
}
_SCALAR = {
    int: "integer",
    float: "number",
    bool: "boolean",
    str: "string",
    type(None): "null",
    None: "null",
}
_LOOKED_UP = {"type": "string", "pattern": r"\$\{"}
_HYDRA = {"defaults": {"type": "array"}, "hydra": {"type": "object"}}


def json_schema() -> Schema:
    """The schema of every file below `configs/`."""
    components = {target: locate(target) for target in sorted(shipped())}
    own = [
        _object(
            {"_target_": {"const": target}, **_HYDRA, **_properties(made)}, required=["_target_"]
        )
        for target, made in components.items()
    ]
    several = _object(
        _properties(Instruments), additionalProperties={"anyOf": [*own, {"type": "null"}]}
    )
    roots = [_object({**_HYDRA, **_properties(root)}) for root in ROOTS.values()]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "rnnlab",
        "$defs": {name: _group(name) for name, o in options(TrainConfig).items() if o.group},
        "anyOf": [*own, _any_component(components.values()), several, *roots],
    }


def _object(properties: Schema, **more: Any) -> Schema:
    """A mapping with these keys and no others."""
    return {"type": "object", "properties": properties, "additionalProperties": False, **more}


def _any_component(made: Iterable[Any], **more: Schema) -> Schema:
    """A node that has options of one of several classes, or of the class of its defaults."""
    properties: dict[str, Any] = {}
    for component in made:
        for name, schema in _properties(component).items():
            variants = properties.setdefault(name, {"anyOf": []})["anyOf"]
            if schema not in variants:
                variants.append(schema)
    return _object({**more, **_HYDRA, **properties}, type=["object", "null"])


def _group(name: str) -> Schema:
    """What may stand at the place of a group: a component, or several by name."""
    parts: dict[str, list[Any]] = {}
    for file in choices(name).values():
        content = read_yaml(file) or {}
        of_group = content.get(name)
        for path, node in nodes(of_group if isinstance(of_group, dict) else content):
            if "." not in path:
                parts.setdefault(path, []).append(locate(str(node["_target_"])))
    each = {path: _any_component(made, _target_={"type": "string"}) for path, made in parts.items()}
    if each.keys() <= {""}:
        return each.get("", _any_component(()))
    return _object({**each, **_properties(Instruments)}, type=["object", "null"])


def _properties(component: Any) -> Schema:
    return {name: _option(name, option) for name, option in options(component).items()}


def _option(name: str, option: Option) -> Schema:
    schema: Schema
    if option.group:
        schema = {"$ref": f"#/$defs/{name}"}
    elif nested(option) is not None:
        schema = _object(_properties(nested(option)))
    else:
        found = _hint(option.hint)
        schema = {"anyOf": [found, _LOOKED_UP]} if found else {}
    return schema | ({"description": option.doc} if option.doc else {})


def _hint(hint: Any) -> Schema:
    """What a type annotation says; nothing where it says nothing that YAML has."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _hint(hint.__origin__) | {_KEYWORD[word]: end for word, end, _ in bounds(hint)}
    if origin is Literal:
        return {"enum": list(parts)}
    if origin in (Union, types.UnionType):
        variants = [_hint(part) for part in parts]
        return {"anyOf": variants} if all(variants) else {}
    if hint in _SCALAR:
        return {"type": _SCALAR[hint]}
    container = origin or hint
    if isinstance(container, type) and issubclass(container, Mapping):
        return {"type": "object"}
    if not (isinstance(container, type) and issubclass(container, Sequence)):
        return {}
    each = [_hint(part) for part in parts if part is not Ellipsis]
    if origin is tuple and Ellipsis not in parts:
        return {"type": "array", "prefixItems": each, "minItems": len(each), "maxItems": len(each)}
    return {"type": "array", **({"items": each[0]} if any(each) else {})}
