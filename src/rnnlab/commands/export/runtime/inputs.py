"""From texts to what a graph reads."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import UNK, Vocab

Feeds = dict[str, np.ndarray]
"""What a graph reads, by name."""

MAX_CHARACTERS = 64
"""Characters of a word that are read."""


class Texts:
    """Texts as tokens, and tokens as ids.

    Args:
        vocabularies: `source`, and `characters` where the model reads them.
        tokenizers: `source`.
        config: Has `max_length`, the most tokens that are read of a text; None for all.
    """

    def __init__(
        self,
        vocabularies: Mapping[str, Any],
        tokenizers: Mapping[str, Any],
        config: Mapping[str, Any],
    ) -> None:
        self.vocab = vocab(vocabularies["source"])
        found = vocabularies.get("characters")
        self.characters = None if found is None else vocab(found)
        self.tokenizer = Tokenizer.from_dict(tokenizers["source"])
        self.max_length = config["max_length"]

    def read(self, text: str) -> list[str]:
        """The tokens of a text."""
        return self.tokenizer.split(text)

    def batch(self, items: Sequence[list[str]]) -> Feeds:
        """Texts as one padded batch."""
        texts = [item[: self.max_length] or [UNK] for item in items]
        inputs, lengths = padded([self.vocab.ids(text) for text in texts])
        feeds = {"inputs": inputs, "lengths": lengths}
        if self.characters is not None:
            distinct: dict[str, int] = {}
            rows = [[distinct.setdefault(t, len(distinct)) for t in text] for text in texts]
            spelled = [self.characters.ids(word[:MAX_CHARACTERS] or "\0") for word in distinct]
            feeds["words"], _ = padded(rows)
            feeds["characters"], feeds["character_lengths"] = padded(spelled)
        return feeds


def vocab(state: Mapping[str, Any]) -> Vocab:
    """A vocabulary, with words that were added to it."""
    return Vocab(
        state["tokens"], base_size=state["base_size"], lower_fallback=state["lower_fallback"]
    )


def padded(rows: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Ids (B, T), padded with 0 on the right, and how many each row has (B,)."""
    lengths = np.array([len(row) for row in rows], dtype=np.int64)
    ids = np.zeros((len(rows), int(lengths.max())), dtype=np.int64)
    for row, values in zip(ids, rows, strict=True):
        row[: len(values)] = values
    return ids, lengths
