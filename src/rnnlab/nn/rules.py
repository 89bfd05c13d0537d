"""Which tags may follow which: the grammar of entity tags."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from rnnlab.data.tag_schemes import is_bioes


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
    """Those of IOB2, or of BIOES where the tags are that.

    `I-X` (and `E-X`) continue an entity of type X and nothing else. In BIOES an entity of several
    steps is open until its `E-X`: only `I-X` and `E-X` may follow `B-X` and `I-X`.

    Args:
        tags: By id: `O`, `B-TYPE`, `I-TYPE`, in BIOES `E-TYPE` and `S-TYPE` too.
    """
    closed = is_bioes(tags)

    def follows(before: str, tag: str) -> bool:
        inside = before[0] in "BI" and before[2:] == tag[2:]
        if tag[0] in "IE":
            return inside
        return not (closed and before[0] in "BI")

    return Rules(
        start=torch.tensor([follows("O", tag) for tag in tags]),
        pairs=torch.tensor([[follows(before, tag) for tag in tags] for before in tags]),
        end=torch.tensor([follows(tag, "O") for tag in tags]),
    )


class Penalties(nn.Module):
    """Rules as potentials: 0 where they allow, minus infinity where they forbid.

    No part of a `state_dict`: they follow from the tags.

    Args:
        rules: What is allowed.
    """

    start: Float[Tensor, "K"]
    pairs: Float[Tensor, "K K"]
    end: Float[Tensor, "K"]

    def __init__(self, rules: Rules) -> None:
        super().__init__()
        self._rules = rules
        self._reached = rules.start
        self._possible = [True]
        for name, allowed in zip(rules._fields, rules, strict=True):
            penalty = torch.zeros(allowed.shape).masked_fill(~allowed, float("-inf"))
            self.register_buffer(name, penalty, persistent=False)

    def possible(self, longest: int) -> Bool[Tensor, "L1"]:
        """Whether the rules allow any sequence at all of each length 0 .. longest, on the CPU."""
        while len(self._possible) <= longest:
            self._possible.append(bool((self._reached & self._rules.end).any()))
            self._reached = self._rules.pairs[self._reached].any(0)
        return torch.tensor(self._possible[: longest + 1])
