"""How tags mark entities: IOB1, IOB2 and BIOES.

In all three `O` is outside of entities and `I-TYPE` is inside of one. IOB2 starts each entity with
`B-TYPE`; IOB1 does so only where it follows another entity of its type (Tjong Kim Sang and Veenstra
1999). BIOES is IOB2 with `E-TYPE` for the last token of an entity and `S-TYPE` for its only one.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal

Scheme = Literal["iob2", "bioes"]
"""How a model learns the tags of entities."""

IOB = re.compile(r"O|[BI]-.+")
BIOES = re.compile(r"O|[BIES]-.+")


def is_iob(tags: Iterable[str]) -> bool:
    """Whether all tags are `O`, `B-TYPE` or `I-TYPE`."""
    return all(map(IOB.fullmatch, tags))


def is_bioes(tags: Iterable[str]) -> bool:
    """Whether all tags are those of BIOES, at least one of them `E-TYPE` or `S-TYPE`."""
    tags = list(tags)
    return all(map(BIOES.fullmatch, tags)) and any(tag[:2] in ("E-", "S-") for tag in tags)


def valid_iob2(tags: Sequence[str]) -> list[str]:
    """The IOB2 tags of the entities that conlleval sees in IOB tags.

    An entity starts at each `B-`, and at an `I-` that follows `O` or another type. So this
    converts IOB1, and repairs what a classifier predicts step by step.
    """
    changed = []
    before = "O"
    for tag in tags:
        # [2:] of "O" is empty, so that an entity never continues what is outside
        continues = tag.startswith("I-") and before[2:] == tag[2:]
        changed.append(tag if tag == "O" or continues else f"B-{tag[2:]}")
        before = tag
    return changed


def to_iob2(tags: Sequence[str]) -> list[str]:
    """IOB2 tags of IOB1 or IOB2 tags; other tags are left alone."""
    return valid_iob2(tags) if is_iob(tags) else list(tags)


def to_bioes(tags: Sequence[str]) -> list[str]:
    """BIOES tags of IOB2 tags."""
    changed = []
    for tag, after in pairwise([*tags, "O"]):
        last = after != f"I-{tag[2:]}"
        part = {"B": "S", "I": "E"}[tag[0]] if tag != "O" and last else tag[0]
        changed.append(part + tag[1:])
    return changed


def bioes_to_iob2(tags: Sequence[str]) -> list[str]:
    """IOB2 tags of BIOES tags; for valid tags the inverse of `to_bioes`."""
    return [{"S": "B", "E": "I"}.get(tag[0], tag[0]) + tag[1:] for tag in tags]


def bioes_error(tags: Sequence[str]) -> tuple[int, str] | None:
    """The first step at which BIOES tags are not valid, and why; None if they are."""
    before = "O"
    for step, tag in enumerate([*tags, "O"]):
        inside, kind = before[0] in "BI", before[2:]
        if inside and tag not in (f"I-{kind}", f"E-{kind}"):
            return step - 1, f"tag '{before}' needs 'I-{kind}' or 'E-{kind}' after it"
        if not inside and tag[0] in "IE":
            return step, f"tag '{tag}' continues no entity"
        before = tag
    return None


def all_tags(tags: Iterable[str]) -> list[str]:
    """The tags sorted; of IOB or BIOES every prefix of each type that occurs.

    A small training set may lack the `I-` of a type that has no entity of two tokens in it.
    """
    found = set(tags)
    prefixes = "BI" if is_iob(found) else "BIES" if is_bioes(found) else ""
    found |= {f"{prefix}-{tag[2:]}" for tag in found if tag != "O" for prefix in prefixes}
    return sorted(found)
