"""Tokens and their ids."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

import numpy as np

PAD, UNK, START, END = "<pad>", "<unk>", "<s>", "</s>"
_CONTROL = frozenset({PAD, START, END})


class Vocab:
    """An ordered set of tokens; the id of a token is its position.

    Input vocabularies start with `<pad>` (id 0) and `<unk>` (id 1); target vocabularies of
    generated text have `<s>` (2) and `</s>` (3) as well; label and tag vocabularies have no
    special entry, so that an unseen label is an error and not an unknown word. A text that holds
    the characters `<pad>`, `<s>` or `</s>` as a token means `<unk>` by it: it must not end a
    sequence.

    A vocabulary can be *extended* by the words of a vector file (`extend`): these get ids behind
    the base tokens. They are known by their vectors only, are not trained, and are not stored in
    checkpoints (`to_dict` keeps the base alone).

    Attributes:
        tokens: All tokens, base first.
        base_size: Number of tokens that came from the training data (specials counted).
        lower_fallback: Whether a token that is not known is looked up in lower case as well.
    """

    def __init__(
        self, tokens: Sequence[str], *, base_size: int | None = None, lower_fallback: bool = False
    ) -> None:
        self.tokens = tuple(tokens)
        self.base_size = len(self.tokens) if base_size is None else base_size
        self.lower_fallback = lower_fallback
        self._ids = {token: index for index, token in enumerate(self.tokens)}
        if len(self._ids) != len(self.tokens):
            raise ValueError("a vocabulary cannot hold a token twice")

    @classmethod
    def build(
        cls,
        counts: Mapping[str, int],
        *,
        specials: Sequence[str] = (PAD, UNK),
        min_freq: int = 1,
        max_size: int | None = None,
    ) -> Self:
        """A vocabulary of the most frequent tokens; ties in alphabetical order.

        Args:
            counts: Occurrences of each token in the training data.
            specials: Entries that come first, whatever their count.
            min_freq: Rarer tokens are left out.
            max_size: Largest number of tokens, specials not counted; None for all.
        """
        kept = [t for t, n in counts.items() if n >= min_freq and t not in specials]
        kept.sort(key=lambda token: (-counts[token], token))
        return cls([*specials, *kept[:max_size]])

    def extend(self, words: Iterable[str], *, lower_fallback: bool) -> "Vocab":
        """The base vocabulary with all further `words` behind it, in the order given."""
        base = self.tokens[: self.base_size]
        known = set(base)
        extra = [word for word in words if word not in known]
        return Vocab([*base, *extra], base_size=self.base_size, lower_fallback=lower_fallback)

    def __len__(self) -> int:
        """Number of tokens, extension counted."""
        return len(self.tokens)

    def __contains__(self, token: str) -> bool:
        """Whether the token has an id of its own (no fallback)."""
        return token in self._ids

    def __eq__(self, other: object) -> bool:
        """Equal base tokens (an extension follows from a file, not from the data)."""
        return isinstance(other, Vocab) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def id(self, token: str) -> int:
        """Id of a token; `<unk>`'s where the token is not known.

        Raises:
            KeyError: The token is not known and the vocabulary has no `<unk>`.
        """
        found = self._ids.get(token)
        if found is None and self.lower_fallback:
            found = self._ids.get(token.lower())
        if UNK in self._ids and (found is None or token in _CONTROL):
            return self._ids[UNK]
        return self._ids[token] if found is None else found

    def ids(self, tokens: Iterable[str]) -> list[int]:
        """Ids of several tokens; see `id`."""
        return [self.id(token) for token in tokens]

    def table(self, types: Iterable[str]) -> np.ndarray:
        """Ids of a list of types as an array, int32 (V,), to look up many tokens at once."""
        return np.array(self.ids(types), dtype=np.int32)

    @property
    def start_id(self) -> int:
        """Id of `<s>`; KeyError where the vocabulary has none."""
        return self._ids[START]

    @property
    def end_id(self) -> int:
        """Id of `</s>`; KeyError where the vocabulary has none."""
        return self._ids[END]

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for checkpoints; without the extension."""
        return {"tokens": list(self.tokens[: self.base_size])}

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`; ValueError where the tokens are no texts."""
        if not all(isinstance(token, str) for token in state["tokens"]):
            raise ValueError("a token of a vocabulary is no text")
        return cls(state["tokens"])
