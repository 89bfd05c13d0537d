"""Which classes a configuration may name.

`torch.load(weights_only=True)` does not protect where the configuration inside a checkpoint is
instantiated: a `_target_` can name any function of any installed package. So a class is made only
if its exact name stands in one of the configurations shipped with rnnlab, or if it is defined in a
package that the user names on the command line (`trust=[mypackage]`; a checkpoint cannot ask for
that itself, and what the package imports is not trusted with it).
"""

import importlib
from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial
from typing import Any

from rnnlab.config.files import config_dir, read_yaml
from rnnlab.errors import ConfigError


def targets(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every `(key, _target_)` below a plain configuration."""
    for key, found in nodes(node, path):
        yield key, str(found["_target_"])


def nodes(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every `(key, component)` below a plain configuration."""
    if isinstance(node, dict):
        if "_target_" in node:
            yield path, node
        for key, child in node.items():
            yield from nodes(child, f"{path}.{key}" if path else str(key))
    elif isinstance(node, list):
        for index, child in enumerate(node):
            yield from nodes(child, f"{path}.{index}")


@cache
def shipped() -> frozenset[str]:
    """All classes that the shipped configurations name."""
    return frozenset(
        target
        for file in sorted(config_dir().rglob("*.yaml"))
        for _, target in targets(read_yaml(file))
        if "${" not in target
    )


def allowed(target: str, trusted: Sequence[str]) -> bool:
    """Whether a name may be looked up; see `unusable` for what it stands for."""
    return target in shipped() or _inside(target, trusted)


def _inside(name: str, packages: Sequence[str]) -> bool:
    return any(name.startswith(f"{package}.") for package in packages)


def refusal(path: str, target: str) -> str:
    """The message for a class that may not be made."""
    package = target.split(".")[0]
    return (
        f"{path}._target_: {target} is not a class of rnnlab's own configurations; if it is yours "
        f"and you trust it, say trust=[{package}] on the command line"
    )


def unusable(path: str, target: str, trusted: Sequence[str]) -> str | None:
    """Why a class cannot be used, in one line; None where it can."""
    if not allowed(target, trusted):
        return refusal(path, target)
    try:
        found = locate(target)
    except Exception as error:  # the user's own modules can raise anything
        return f"{path}._target_: cannot import {target} ({' '.join(str(error).split())})"
    home = f"{getattr(found, '__module__', None) or type(found).__module__}."
    if target not in shipped() and not _inside(home, trusted):
        return f"{path}._target_: {target} is defined in {home[:-1]}, which is not trusted"
    return None


def locate(target: str) -> Any:
    """The class of a dotted name."""
    module, _, name = target.rpartition(".")
    return getattr(importlib.import_module(module), name)


def factory(node: dict[str, Any], trusted: Sequence[str]) -> Callable[..., Any]:
    """What makes the component of one node: its class with the node's options filled in.

    Raises:
        ConfigError: Its class is not allowed; or, when it is made, refuses a value.
    """
    target = str(node["_target_"])
    problem = unusable("config", target, trusted)
    if problem:
        raise ConfigError(problem)
    # not by Hydra: it would resolve a "${...}" in a text that is meant literally
    options = {str(key): value for key, value in node.items() if key != "_target_"}
    return partial(_made, target.rpartition(".")[2], partial(locate(target), **options))


def _made(name: str, component: Callable[..., Any], *wired: Any, **more: Any) -> Any:
    try:
        return component(*wired, **more)
    except (ValueError, ZeroDivisionError, ImportError) as error:  # how classes refuse a value
        raise ConfigError(f"{name}: {' '.join(str(error).split())}") from error


def make(node: dict[str, Any], trusted: Sequence[str], *wired: Any) -> Any:
    """The component of one node; `wired` are its positional arguments."""
    return factory(node, trusted)(*wired)
