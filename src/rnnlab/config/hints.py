"""Does a plain value from a configuration fit a type annotation? What would have?"""

import difflib
import math
import operator
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, GroupedMetadata, Gt, Le, Lt

_SCALARS = {int: "an int", float: "a float", bool: "true or false", str: "a text"}
_BOUNDS: dict[type, tuple[str, str, Callable[[Any, Any], bool]]] = {
    Gt: ("gt", "above", operator.gt),
    Ge: ("ge", "at least", operator.ge),
    Lt: ("lt", "below", operator.lt),
    Le: ("le", "at most", operator.le),
}


def bounds(hint: Any) -> Iterator[tuple[str, float, Callable[[Any, Any], bool]]]:
    """The range that an `Annotated` hint names: words, number and comparison of each bound."""
    for item in getattr(hint, "__metadata__", ()):
        for part in item if isinstance(item, GroupedMetadata) else [item]:
            if type(part) in _BOUNDS:
                name, words, inside = _BOUNDS[type(part)]
                yield words, getattr(part, name), inside


def fits(value: Any, hint: Any) -> bool:
    """Whether a YAML value may be passed for a parameter of this annotation.

    An int passes for a float, a list for a tuple or any sequence, a text for a path; a bool is not
    an int, and no number is infinite. A number has to be in the range that an `Annotated` hint
    names. Annotations that YAML has no value for (callables, tensors) accept nothing; an unknown or
    missing annotation accepts everything: the constructor has the last word.
    """
    origin = get_origin(hint)
    if hint is Any or hint is object:
        return True
    if hint is None or hint is type(None):
        return value is None
    if origin is Annotated:
        return fits(value, hint.__origin__) and all(
            inside(value, number) for _, number, inside in bounds(hint)
        )
    if origin is Literal:
        return value in get_args(hint) and type(value) in {type(v) for v in get_args(hint)}
    if origin in (Union, types.UnionType):
        return any(fits(value, part) for part in get_args(hint))
    if hint is float:
        return type(value) in (int, float) and math.isfinite(value)
    if hint in _SCALARS:
        return isinstance(value, hint) and not (isinstance(value, bool) and hint is not bool)
    if _is_path(hint):
        return isinstance(value, str)
    return _fits_container(value, origin or hint, get_args(hint))


def _fits_container(value: Any, origin: Any, parts: tuple[Any, ...]) -> bool:
    if not isinstance(origin, type):
        return True
    if issubclass(origin, Mapping):
        return isinstance(value, dict)
    if _is_list(origin):
        if not isinstance(value, list):
            return False
        if origin is tuple and parts and parts[-1] is not Ellipsis:
            return len(value) == len(parts) and all(map(fits, value, parts))
        return not parts or all(fits(item, parts[0]) for item in value)
    return False


def describe(hint: Any) -> str:
    """The values that fit, in words: `a float above 0`, `one of last, mean, max`."""
    origin = get_origin(hint)
    if hint is None or hint is type(None):
        return "null"
    if origin is Annotated:
        base = describe(hint.__origin__)
        limits = " and ".join(f"{word} {number}" for word, number, _ in bounds(hint))
        joint = " of " if limits.startswith("at") else " "
        return f"{base}{joint}{limits}" if limits else base
    if origin is Literal:
        return "one of " + ", ".join(map(str, get_args(hint)))
    if origin in (Union, types.UnionType):
        parts = get_args(hint)
        literals = [part for part in parts if get_origin(part) is Literal]
        choices = dict.fromkeys(value for part in literals for value in get_args(part))
        words = ["one of " + ", ".join(map(str, choices))] if choices else []
        words += [describe(part) for part in parts if part not in literals]
        return " or ".join(dict.fromkeys(word for word in words if word))
    if hint in _SCALARS:
        return _SCALARS[hint]
    if _is_path(hint):
        return _SCALARS[str]
    container = origin or hint
    if isinstance(container, type) and issubclass(container, Mapping):
        return "a mapping"
    if isinstance(container, type) and _is_list(container):
        inner = dict.fromkeys(describe(part) for part in get_args(hint) if part is not Ellipsis)
        sizes = get_args(hint) if container is tuple and Ellipsis not in get_args(hint) else ()
        name = f"a list of {len(sizes)}" if sizes else "a list"
        return f"{name} (each {' / '.join(inner)})" if any(inner) else name
    return ""


def _is_path(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(Path, hint)


def _is_list(kind: type) -> bool:
    return kind is Iterable or issubclass(kind, Sequence | Set)


def shown(value: Any) -> str:
    """A value as a message quotes it, on one line."""
    if value is None:
        return "null"
    text = str(value)
    return repr(text) if len(text.splitlines()) > 1 or "\n" in text else f"'{text}'"


def suggest(word: str, known: Iterable[str], further: Callable[[], Iterable[str]] = tuple) -> str:
    """`did you mean ...?` for a near miss, else the list of what there is; case does not count.

    Args:
        word: What does not exist.
        known: What does; of a dotted name the last part is compared, if the word has no dot.
        further: Asked where none of these is near; only what is much nearer counts.
    """
    names = sorted(known)
    near = _nearest(word, names, 0.6)
    if not near:
        others = sorted(further())
        near = _nearest(word, others, 0.75) or _with_part(word, names) or _with_part(word, others)
    if near:
        return f"did you mean {' or '.join(map(repr, near))}?"
    return f"there are: {', '.join(names)}" if names else "it has none"


def _nearest(word: str, names: Sequence[str], least: float) -> list[str]:
    """The names that are nearest to a word, at most three that are equally near."""
    word = word.casefold()
    lasts = [(name if "." in word else name.rpartition(".")[2]).casefold() for name in names]
    shares = [difflib.SequenceMatcher(None, last, word).ratio() for last in lasts]
    best = max(shares, default=0.0)
    return [n for n, share in zip(names, shares, strict=True) if share == best >= least][:3]


def _with_part(word: str, names: Sequence[str]) -> list[str]:
    """At most three names that have a word between underscores."""
    return [name for name in names if word in name.rpartition(".")[2].split("_")][:3]
