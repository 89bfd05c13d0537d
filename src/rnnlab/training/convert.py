"""Checkpoints of earlier versions, with today's names (`rnnlab.config.renames`)."""

import re
from typing import Any

from rnnlab.config.renames import CLASSES, OPTIONS, WEIGHTS

KEY = "rnnlab"
"""Where Lightning's checkpoint holds what rnnlab adds to it."""

FORMAT = 2
"""Of the checkpoints that are written. 1, of version 0.1, has other names."""


def convert(content: Any) -> Any:
    """The content of a checkpoint with today's names; anything else as it is.

    Args:
        content: What the file holds; not changed.
    """
    state = content.get(KEY) if isinstance(content, dict) else None
    if not isinstance(state, dict) or state.get("format") != 1:
        return content
    result = dict(content)
    for key, weights in content.items():
        if str(key).endswith("state_dict") and isinstance(weights, dict):
            result[key] = {layer_name(str(name)): value for name, value in weights.items()}
    result[KEY] = {**state, "format": FORMAT}
    if isinstance(state.get("config"), dict):
        result[KEY]["config"] = convert_config(state["config"])
    return result


def convert_config(cfg: dict[str, Any]) -> dict[str, Any]:
    """A configuration with today's names of classes and options."""
    result: dict[str, Any] = _convert_classes(cfg)
    for old, new in OPTIONS.items():
        node, name = _parent(result, old)
        if isinstance(node, dict) and name in node:
            value = node.pop(name)
            target, name = _parent(result, new)
            if isinstance(target, dict):
                target[name] = value
    return result


def class_name(name: str) -> str:
    """Today's dotted name of a class; a class may have moved more than once."""
    while name in CLASSES:
        name = CLASSES[name]
    return re.sub(r"^rnnlab\.data\.(\w+\.\w+)$", r"rnnlab.data.datasets.\1", name)


def layer_name(name: str) -> str:
    """Today's name of a weight or a layer, such as `layers.0.ahead.bias` or `0.ahead/cell`."""
    return re.sub(r"[^./]+", lambda part: WEIGHTS.get(part[0], part[0]), name)


def _convert_classes(node: Any) -> Any:
    if isinstance(node, dict):
        return {
            key: class_name(child)
            if key == "_target_" and isinstance(child, str)
            else _convert_classes(child)
            for key, child in node.items()
        }
    return [_convert_classes(child) for child in node] if isinstance(node, list) else node


def _parent(cfg: dict[str, Any], key: str) -> tuple[Any, str]:
    """Where an option is: the node, and its name in it."""
    *path, name = key.split(".")
    node: Any = cfg
    for part in path:
        node = node.get(part) if isinstance(node, dict) else None
    return node, name
