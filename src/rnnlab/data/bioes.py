"""BIOES tags: IOB2 with a tag of its own for an entity's last token, and for its only one."""

import re
from collections.abc import Iterable, Sequence
from itertools import pairwise

BIOES = re.compile(r"O|[BIES]-.+")
"""A tag outside of entities, or at the start, inside, at the end, or for the whole of one."""


def is_bioes(tags: Iterable[str]) -> bool:
    """Whether all tags are of the scheme, and one at least that IOB has not (`E-` or `S-`)."""
    tags = list(tags)
    return all(map(BIOES.fullmatch, tags)) and any(tag[:2] in ("E-", "S-") for tag in tags)


def to_bioes(tags: Sequence[str]) -> list[str]:
    """BIOES tags of the entities of IOB2 tags."""
    changed = []
    for tag, after in pairwise([*tags, "O"]):
        last = after != f"I-{tag[2:]}"
        part = {"B": "S", "I": "E"}[tag[0]] if tag != "O" and last else tag[0]
        changed.append(part + tag[1:])
    return changed


def to_iob2(tags: Sequence[str]) -> list[str]:
    """IOB2 tags of the entities of BIOES tags; where these are valid, `to_bioes`'s inverse."""
    return [{"S": "B", "E": "I"}.get(tag[0], tag[0]) + tag[1:] for tag in tags]


def fault(tags: Sequence[str]) -> tuple[int, str] | None:
    """The first step at which BIOES tags are no sequence of entities, and why; None for none."""
    before = "O"
    for step, tag in enumerate([*tags, "O"]):
        inside, kind = before[0] in "BI", before[2:]
        if inside and tag not in (f"I-{kind}", f"E-{kind}"):
            return step - 1, f"tag '{before}' needs 'I-{kind}' or 'E-{kind}' behind it"
        if not inside and tag[0] in "IE":
            return step, f"tag '{tag}' continues no entity"
        before = tag
    return None
