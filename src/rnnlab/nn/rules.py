"""Which tags may follow which: the grammar of entity tags."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool
from torch import Tensor


class Rules(NamedTuple):
    """What a sequence of K tags may look like.

    Attributes:
        start: Whether it may start with a tag, (K,).
        pairs: Whether the tag of a column may follow that of a row, (K, K).
        end: Whether it may end with a tag, (K,).
    """

    start: Bool[Tensor, "K"]
    pairs: Bool[Tensor, "K K"]
    end: Bool[Tensor, "K"]


def entity_rules(tags: Sequence[str]) -> Rules:
    """Those of IOB2, or of BIOES where a tag of it is among them.

    `I-X` (and `E-X`) continue an entity of type X and nothing else. In BIOES an entity of several
    steps is open until its `E-X`: only `I-X` and `E-X` may follow `B-X` and `I-X`.

    Args:
        tags: By id: `O`, `B-TYPE`, `I-TYPE`, in BIOES `E-TYPE` and `S-TYPE` too.
    """
    closed = any(tag[:2] in ("E-", "S-") for tag in tags)

    def follows(before: str, tag: str) -> bool:
        inside = before[:1] in ("B", "I") and before[2:] == tag[2:]
        if tag[:1] in ("I", "E"):
            return inside
        return not (closed and before[:1] in ("B", "I"))

    return Rules(
        start=torch.tensor([follows("O", tag) for tag in tags]),
        pairs=torch.tensor([[follows(before, tag) for tag in tags] for before in tags]),
        end=torch.tensor([follows(tag, "O") for tag in tags]),
    )
