"""The names of all options of a command, for hints."""

from functools import cache

from rnnlab.config.files import choices, read_yaml
from rnnlab.config.help import plain_options
from rnnlab.config.schema import options
from rnnlab.config.trust import locate, nodes


@cache
def option_names(root: type) -> frozenset[str]:
    """Every option by its dotted name: the command's own, and those of all that it can choose.

    Imports all components, which takes seconds.
    """
    found = set(plain_options(root))
    for group in (name for name, option in options(root).items() if option.group):
        for file in choices(group).values():
            for path, node in nodes(read_yaml(file) or {}):
                inside = path.split(".")[0] == group
                where = path if inside else ".".join(filter(None, (group, path)))
                found |= {f"{where}.{name}" for name in options(locate(str(node["_target_"])))}
    return frozenset(found)
