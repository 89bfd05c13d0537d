"""Characters of words, also of words that the vocabulary does not know.

All unknown words have one id, so that a batch's ids do not tell their characters. These travel
beside them: the characters of the batch's distinct words, and which word stands at each step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch

from rnnlab.data.batch import WordCharacters
from rnnlab.data.ragged import Ragged
from rnnlab.data.vocab import UNK, Vocab

MAX_CHARACTERS = 64
"""Characters of a word that are kept: all words of a batch are padded to the longest."""
MIN_COUNT = 3
"""Rarer characters are unknown; they train the vector of the unknown one."""


@dataclass(frozen=True)
class CharacterIds:
    """The words of a split, character by character.

    Attributes:
        words: Which row of `characters` each token is, N sequences as long as the inputs.
        characters: Character ids of each distinct word.
    """

    words: Ragged
    characters: Ragged

    def __len__(self) -> int:
        """Number of sequences N."""
        return len(self.words)

    def batch(self, rows: np.ndarray) -> WordCharacters:
        """The words of the chosen sequences, each distinct one once."""
        index, _ = self.words.pad(rows, fill=-1)
        distinct, places = np.unique(index.numpy(), return_inverse=True)
        padded = int(distinct[0] < 0)  # padding is none of them; its place is that of any
        characters, sizes = self.characters.pad(distinct[padded:], fill=0)
        places = np.maximum(places.reshape(len(rows), -1) - padded, 0)
        return WordCharacters(torch.from_numpy(places), characters, sizes)


def character_vocab(counts: Mapping[str, int]) -> Vocab:
    """The characters of words, the most frequent first; `counts` says how often a word occurs."""
    times: dict[str, int] = {}
    for word, count in counts.items():
        for character in word:
            times[character] = times.get(character, 0) + count
    return Vocab.build(times, min_freq=MIN_COUNT)


def word_characters(words: Sequence[str], characters: Vocab) -> Ragged:
    """Ids of the first `MAX_CHARACTERS` of each word; a word without any is one `<unk>`."""
    known = cache(characters.id)
    return Ragged.from_lists(map(known, word[:MAX_CHARACTERS] or "\0") for word in words)


def encode_characters(texts: Sequence[Sequence[str]], characters: Vocab) -> CharacterIds:
    """Texts that are tokens already; a text without any is a single `<unk>`."""
    distinct: dict[str, int] = {}
    rows = [[distinct.setdefault(t, len(distinct)) for t in text or (UNK,)] for text in texts]
    return CharacterIds(Ragged.from_lists(rows), word_characters(list(distinct), characters))
