"""The options of a component: each is described once, where its class takes it.

A component's options are the keyword-only parameters of its constructor; those of a dataclass are
its fields. Name, type, range and default stand in the signature, the documentation in the `Args:`
of the class. A subclass inherits what it passes on as `**options`, and the range and documentation
of an option that it only gives another default.

Classes of torch and Lightning do not follow that rule: there every parameter but the first
positional one without a default is an option, and `rnnlab.config.foreign` adds the ranges.
"""

import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, is_dataclass, replace
from functools import cache
from types import SimpleNamespace
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from rnnlab.config.foreign import PACKAGES, RANGES, WIRED
from rnnlab.config.types import Group, Learnt

_ENTRY = re.compile(r"^(\w+)(?: \(.*?\))?:(.*?)(?=^\S|\Z)", re.M | re.S)


@dataclass(frozen=True)
class Option:
    """One option of a component.

    Attributes:
        name: As in YAML.
        hint: Its type, with choices and ranges.
        default: Its default; `dataclasses.MISSING` where a value has to be given.
        doc: Its documentation, in one line.
    """

    name: str
    hint: Any
    default: Any
    doc: str = ""

    @property
    def required(self) -> bool:
        """Whether a value has to be given."""
        return self.default is MISSING

    @property
    def learnt(self) -> bool:
        """Whether it belongs to a trained model, so that it cannot change afterwards."""
        return any(isinstance(item, Learnt) for item in metadata(self.hint))

    @property
    def group(self) -> Group | None:
        """The mark of a node that a folder of `configs/` gives; None for other options."""
        return next((item for item in metadata(self.hint) if isinstance(item, Group)), None)


def metadata(hint: Any) -> Iterator[Any]:
    """All that `Annotated` says anywhere inside of a hint."""
    yield from getattr(hint, "__metadata__", ())
    for part in get_args(hint):
        if get_origin(part) is not None:
            yield from metadata(part)


def plain(hint: Any) -> Any:
    """A hint without what `Annotated` says; for comparison."""
    if get_origin(hint) is Annotated:
        return plain(hint.__origin__)
    parts = tuple(plain(part) for part in get_args(hint))
    return (get_origin(hint), frozenset(parts)) if parts else hint


def nested(option: Option) -> Any:
    """The dataclass of a group of plain options; None where it is a single one."""
    return option.hint if is_dataclass(option.hint) else None


@cache
def options(component: Any) -> dict[str, Option]:
    """The options of a class or function, by name, in the order of its signature."""
    foreign = is_foreign(component)
    texts = documentation(component)
    found: dict[str, Option] = {}
    for constructor in _constructors(component):
        hints = _hints(constructor)
        for name, parameter in _parameters(constructor, foreign=foreign).items():
            hint = hints.get(name, Any)
            if foreign and name in RANGES:
                hint = RANGES[name]
            default = MISSING if parameter.default is parameter.empty else parameter.default
            if type(default).__name__ == "_HAS_DEFAULT_FACTORY_CLASS":
                default = component.__dataclass_fields__[name].default_factory()
            found.setdefault(name, Option(name, hint, default, texts.get(name, "")))
    return {name: _inherited(component, option) for name, option in found.items()}


def _hints(constructor: Callable[..., Any]) -> dict[str, Any]:
    """The annotations; Any for one with a name that is not there, or there for checkers alone."""
    found: dict[str, Any] = {}
    names = getattr(inspect.unwrap(constructor), "__globals__", {})
    for name, hint in getattr(constructor, "__annotations__", {}).items():
        alone = SimpleNamespace(__annotations__={name: hint})
        try:
            found |= get_type_hints(alone, names, include_extras=True)
        except (NameError, AttributeError):
            found[name] = Any
    return found


def is_foreign(component: Any) -> bool:
    """Whether it is torch's or Lightning's."""
    return component.__module__.split(".")[0] in PACKAGES


def _constructors(component: Any) -> Iterator[Callable[..., Any]]:
    """A class's constructor, and its bases' as long as each passes `**options` on."""
    if not isinstance(component, type):
        yield component
        return
    for each in component.__mro__:
        if "__init__" in vars(each):
            constructor: Callable[..., Any] = vars(each)["__init__"]
            yield constructor
            kinds = {p.kind for p in inspect.signature(constructor).parameters.values()}
            if inspect.Parameter.VAR_KEYWORD not in kinds or is_foreign(each):
                return


def _parameters(constructor: Callable[..., Any], *, foreign: bool) -> dict[str, inspect.Parameter]:
    every = dict(inspect.signature(constructor).parameters)
    every.pop("self", None)
    keyword = {n: p for n, p in every.items() if p.kind is p.KEYWORD_ONLY}
    if foreign:
        both = {n: p for n, p in every.items() if p.kind is p.POSITIONAL_OR_KEYWORD}
        wired = next((n for n, p in both.items() if p.default is p.empty), None)
        keyword |= {n: p for n, p in both.items() if n != wired}
        keyword = {n: p for n, p in keyword.items() if n not in WIRED}
    return keyword


def _inherited(component: Any, option: Option) -> Option:
    """Take range and documentation from the nearest base class that has them."""
    for base in component.__mro__[1:] if isinstance(component, type) else ():
        if base is object or is_foreign(base):
            continue
        known = options(base).get(option.name)
        if known is None:
            continue
        if not any(metadata(option.hint)) and plain(option.hint) == plain(known.hint):
            option = replace(option, hint=known.hint)
        return replace(option, doc=option.doc or known.doc)
    return option


def documentation(component: Any) -> dict[str, str]:
    """The entries of a docstring's `Args:`, each as one line."""
    text = inspect.cleandoc(component.__doc__ or "")
    if isinstance(component, type) and "Args:" not in text:
        text = inspect.cleandoc(component.__init__.__doc__ or "")  # type: ignore[misc]
    _, _, after = text.partition("Args:\n")
    section = textwrap.dedent(re.split(r"^\S", after, maxsplit=1, flags=re.M)[0])
    return {name: " ".join(entry.split()) for name, entry in _ENTRY.findall(section)}
