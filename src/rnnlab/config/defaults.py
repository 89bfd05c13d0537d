"""A configuration with every option that it leaves out, at its default."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import MISSING, asdict, is_dataclass
from typing import Any, get_args

from rnnlab.config.schema import Option, is_foreign, options, plain
from rnnlab.config.trust import locate, nodes, unusable


def with_defaults(cfg: Mapping[str, Any], root: type) -> dict[str, Any]:
    """A plain configuration, complete.

    Classes that cannot be used stay as they are, and so do those of torch and Lightning, whose
    defaults are theirs to choose.

    Args:
        cfg: Plain values; interpolations may stand in them.
        root: The dataclass of its command.
    """
    filled = fill(deepcopy(dict(cfg)), options(root))
    trusted = filled.get("trust")
    for path, node in nodes(filled):
        if unusable(path, str(node["_target_"]), trusted if isinstance(trusted, list) else []):
            continue
        component = locate(str(node["_target_"]))
        if not is_foreign(component):
            fill(node, options(component))
    return filled


def fill(node: dict[str, Any], known: Mapping[str, Option]) -> dict[str, Any]:
    """Add the defaults of the options that a node leaves out; a whole number becomes a float."""
    for name, option in known.items():
        default, beside = plain_default(option), option.group and option.group.beside
        if name not in node and default is not MISSING:
            node[name] = default
        elif isinstance(node.get(name), dict) and isinstance(default, dict):
            node[name] = default | node[name]
        if beside is not None and node.get(name) and isinstance(node[name], dict):
            fill(node[name], options(beside))
        if type(node.get(name)) is int and _is_float(option.hint):
            node[name] = float(node[name])
    return node


def _is_float(hint: Any) -> bool:
    """Whether a hint takes real numbers and makes no difference for whole ones."""
    kinds = {plain(part) for part in (hint, *get_args(hint))}
    return float in kinds and int not in kinds


def plain_default(option: Option) -> Any:
    """A default as YAML would have it."""
    if is_dataclass(option.default) and not isinstance(option.default, type):
        return asdict(option.default)
    if isinstance(option.default, tuple | list):
        return list(option.default)
    return option.default
