"""IOB tags: where entities start and continue."""

import re
from collections.abc import Iterable, Sequence

from rnnlab.data.bioes import is_bioes

IOB = re.compile(r"O|[BI]-.+")
"""A tag outside of entities, or at the start or inside of one of a type."""


def is_iob(tags: Iterable[str]) -> bool:
    """Whether all tags are `O`, `B-TYPE` or `I-TYPE`."""
    return all(IOB.fullmatch(tag) for tag in tags)


def to_iob2(tags: Sequence[str]) -> list[str]:
    """Tags with `B-` at every entity's first token; other than IOB tags are left alone.

    In IOB1 an entity starts with `I-`, and with `B-` only where it follows another one of its
    type (Tjong Kim Sang & Veenstra 1999). IOB2 tags come back as they are.
    """
    if not is_iob(tags):
        return list(tags)
    changed = []
    before = "O"
    for tag in tags:
        # [2:] of "O" is empty, so that an entity never continues what is outside
        continues = tag.startswith("I-") and before[2:] == tag[2:]
        changed.append(tag if tag == "O" or continues else f"B-{tag[2:]}")
        before = tag
    return changed


def inventory(tags: Iterable[str]) -> list[str]:
    """All tags in order; of IOB or BIOES all parts of every type that occurs.

    A small training set may lack the `I-` of a type that has no entity of two tokens in it.
    """
    found = set(tags)
    parts = "BI" if is_iob(found) else "BIES" if is_bioes(found) else ""
    found |= {f"{part}-{tag[2:]}" for tag in found if tag != "O" for part in parts}
    return sorted(found)
