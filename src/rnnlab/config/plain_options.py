"""Options of a command that chooses from no groups: `KEY=VALUE`, read by the option's type."""

from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Any, Union, get_args, get_origin

from rnnlab.config.command_line import use_current_folder
from rnnlab.config.defaults import fill
from rnnlab.config.overrides import no_override, parse
from rnnlab.config.schema import Option, nested, options, plain
from rnnlab.config.validate import node_problems
from rnnlab.errors import ConfigError, refuse


def read_options(root: type, words: Sequence[str]) -> dict[str, Any]:
    """All options of a command, valid.

    A text stands as it is, so that commas and brackets need no quotes; other values are in Hydra's
    grammar, as everywhere.

    Args:
        root: The dataclass of the command.
        words: `KEY=VALUE` words.

    Raises:
        ConfigError: All problems, one a line.
    """
    known = options(root)
    every = dict(_single_options(known))
    given: dict[str, Any] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not key or not equals:
            raise ConfigError(no_override(word, root))
        text = key not in every or _is_text(every[key].hint)
        *groups, name = key.split(".") if key in every else [key]
        node = given
        for group in groups:
            node = node.setdefault(group, {})
        node[name] = value if text and value != "null" else parse([word])[0].value()
    filled = fill(given, known)
    refuse(node_problems("", filled, known))
    use_current_folder(filled)
    return filled


def _single_options(known: Mapping[str, Option]) -> Iterator[tuple[str, Option]]:
    """Options by their keys on the command line, those of a group behind its name."""
    for name, option in known.items():
        yield name, option
        if nested(option) is not None:
            yield from ((f"{name}.{n}", inner) for n, inner in options(nested(option)).items())


def _is_text(hint: Any) -> bool:
    parts = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    return str in {plain(part) for part in parts}
