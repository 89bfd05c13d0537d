"""A configuration against the signatures of the classes it names, before anything is built.

A component is described once, by its typed `__init__`. Keyword-only parameters are options that
YAML may set; positional ones are wired by the program. Classes of other packages do not follow
that rule: there every parameter but the first positional one without a default is an option.
"""

import importlib
import inspect
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_type_hints

from rnnlab.config.hints import describe, fits, shown, suggest
from rnnlab.config.root_checks import root_problems
from rnnlab.config.roots import config_dir
from rnnlab.config.trust import allowed, read_yaml, refusal, targets
from rnnlab.errors import ConfigError


def validate(cfg: dict[str, Any], choices: Mapping[str, Any] | None = None) -> None:
    """Check a resolved configuration.

    Args:
        cfg: Plain values, interpolations resolved.
        choices: What stands for each group ("task" -> "ner"), for the messages.

    Raises:
        ConfigError: All problems at once, one a line.
    """
    problems = list(find_problems(cfg, choices or {}))
    if problems:
        raise ConfigError("\n".join(problems))


def find_problems(cfg: dict[str, Any], choices: Mapping[str, Any]) -> Iterator[str]:
    """Every problem of a configuration, a line each."""
    yield from component_problems(cfg)
    yield from root_problems(cfg)
    trusted = cfg.get("trust") or []
    if not any(_unusable(path, target, trusted) for path, target in targets(cfg)):
        yield from _kinds(cfg, choices)


def component_problems(cfg: dict[str, Any]) -> Iterator[str]:
    """Problems of the classes that a configuration names, and of the options given to them."""
    trusted = cfg.get("trust") or []
    for path, target in targets(cfg):
        problem = _unusable(path, target, trusted)
        if problem:
            yield problem
        else:
            yield from check_node(path, _select(cfg, path), locate(target))


def _unusable(path: str, target: str, trusted: Sequence[str]) -> str | None:
    """Why a class cannot be used, or None."""
    if not allowed(target, trusted):
        return refusal(path, target)
    try:
        locate(target)
    except (ImportError, AttributeError) as error:
        return f"{path}._target_: cannot import {target} ({error})"
    return None


def locate(target: str) -> Any:
    """The class of a dotted name."""
    module, _, name = target.rpartition(".")
    return getattr(importlib.import_module(module), name)


def options(component: Any) -> dict[str, inspect.Parameter]:
    """The parameters that YAML may set, annotations resolved."""
    parameters = dict(inspect.signature(component).parameters)
    annotated = component.__init__ if isinstance(component, type) else component  # type: ignore[misc]
    hints = get_type_hints(annotated)
    keyword = {n: p for n, p in parameters.items() if p.kind is inspect.Parameter.KEYWORD_ONLY}
    ours = {
        n: p for n, p in parameters.items() if p.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    }
    if component.__module__.split(".")[0] in ("torch", "lightning"):
        wired = next((n for n, p in ours.items() if p.default is inspect.Parameter.empty), None)
        keyword |= {n: p for n, p in ours.items() if n != wired}
    known = {n: p.replace(annotation=hints.get(n, Any)) for n, p in keyword.items()}
    if isinstance(component, type) and _forwards(component):
        bases = [base for base in component.__mro__ if "__init__" in vars(base)]
        known |= {n: p for n, p in options(bases[bases[0] is component]).items() if n not in known}
    return known


def _forwards(component: type) -> bool:
    """Whether the constructor takes the options of its base class as `**options`."""
    parameters = inspect.signature(component).parameters
    return component.__module__.startswith("rnnlab.") and any(
        p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()
    )


def check_node(path: str, node: Mapping[str, Any], component: Any) -> Iterator[str]:
    """Problems of one node: unknown options, values of a wrong type, missing options."""
    known = options(component)
    for key, value in node.items():
        name = f"{path}.{key}"
        if str(key).startswith("_"):
            if key != "_target_":
                yield f"{name}: keys with an underscore are not options"
        elif key not in known:
            yield f"{name}: {component.__name__} has no such option; {suggest(str(key), known)}"
        else:
            yield from _check_value(name, value, known[str(key)].annotation)
    for key, parameter in known.items():
        if parameter.default is inspect.Parameter.empty and key not in node:
            yield f"{path}.{key}: {component.__name__} needs a value for it"


def _check_value(name: str, value: Any, hint: Any) -> Iterator[str]:
    if isinstance(value, float) and math.isnan(value):
        yield f"{name}: not a number"
    elif not fits(value, hint):
        expected = describe(hint)
        yield (
            f"{name}: {shown(value)} is not {expected}"
            if expected
            else f"{name}: {shown(value)} does not fit"
        )


def _select(cfg: Any, path: str) -> Any:
    for key in path.split(".") if path else []:
        cfg = cfg[int(key)] if isinstance(cfg, list) else cfg[key]
    return cfg


def _kinds(cfg: Mapping[str, Any], choices: Mapping[str, Any]) -> Iterator[str]:
    if not (_is_component(cfg.get("task")) and _is_component(cfg.get("data"))):
        return
    wanted = locate(cfg["task"]["_target_"]).kind
    given = locate(cfg["data"]["_target_"]).kind
    if wanted != given:
        task, data = choices.get("task", "chosen"), choices.get("data", "chosen")
        yield (
            f"task {task} needs {wanted}; data {data} gives {given}. "
            f"Data with {wanted}: {', '.join(data_of_kind(wanted))}"
        )


def _is_component(node: Any) -> bool:
    return isinstance(node, dict) and "_target_" in node


def data_of_kind(kind: str) -> Sequence[str]:
    """Names of the shipped data sets with a kind of target."""
    return [
        file.stem
        for file in sorted((config_dir() / "data").glob("*.yaml"))
        if locate(read_yaml(file)["_target_"]).kind == kind
    ]
