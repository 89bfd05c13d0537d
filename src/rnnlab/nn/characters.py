"""Features of words from their letters, for the distinct words of a batch."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from math import sqrt

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from rnnlab.data.batch import WordCharacters, valid_mask
from rnnlab.data.vocab import Vocab
from rnnlab.errors import ConfigError
from rnnlab.layers.base import Layer
from rnnlab.layers.bidirectional import Bidirectional
from rnnlab.nn.shapes import WordShape

SizedCell = Callable[[int, int], Layer]
"""Makes a layer for a number of input features and one of hidden units; from the `cell` group."""


class WordFeatures(nn.Module, ABC):
    """Reads words letter by letter, and their shapes.

    Positional parameters of every choice of the `characters` group:

    Args:
        characters: The alphabet.
        cell: Makes recurrent layers, for those that have one.
        shape_size: Features of the word's shape; 0 for none.

    Raises:
        ConfigError: A size that is negative.

    Attributes:
        output_size: Features F of a word.
    """

    output_size: int

    def __init__(self, characters: Vocab, cell: SizedCell, *, shape_size: int = 0) -> None:
        super().__init__()
        check("shape_size", shape_size, 0)
        self.shape = WordShape(characters, shape_size) if shape_size else None
        self.output_size = shape_size

    @abstractmethod
    def read(self, characters: Int[Tensor, "U C"], lengths: Int[Tensor, "U"]) -> list[Tensor]:
        """Features of the letters; parts (U, ...) to be put side by side."""

    def forward(self, words: WordCharacters) -> Float[Tensor, "U F"]:
        """Features of each distinct word."""
        parts = self.read(words.characters, words.lengths)
        if self.shape is not None:
            parts.append(self.shape(words.characters, words.lengths))
        return torch.cat(parts, dim=1)


class CharacterCNN(WordFeatures):
    """The largest value of each filter over a word (Ma and Hovy 2016, arXiv:1603.01354).

    Args:
        characters: See `WordFeatures`.
        cell: See `WordFeatures`.
        size: Features of a character; drawn uniformly within +-sqrt(3 / size).
        filters: Filters, each a feature of the word.
        width: Characters that a filter sees at once; words are padded by half of it.
        dropout: Probability of zeroing a feature of a character.
        shape_size: Features of the word's shape; 0 for none.
    """

    def __init__(
        self,
        characters: Vocab,
        cell: SizedCell,
        *,
        size: int = 30,
        filters: int = 30,
        width: int = 3,
        dropout: float = 0.0,
        shape_size: int = 0,
    ) -> None:
        super().__init__(characters, cell, shape_size=shape_size)
        for name, value in (("size", size), ("filters", filters), ("width", width)):
            check(name, value, 1)
        self.letters = Letters(characters, size, dropout)
        self.width = width
        # a product over windows: a convolution would compile a kernel for every batch's shape
        self.filters = nn.Linear(width * size, filters)
        self.output_size += filters

    def read(self, characters: Int[Tensor, "U C"], lengths: Int[Tensor, "U"]) -> list[Tensor]:
        """See `WordFeatures.read`."""
        x = self.letters(characters)
        before = (self.width - 1) // 2
        framed = functional.pad(x, (0, 0, before, self.width - 1 - before))
        windows = framed.flatten(1).unfold(1, self.width * x.shape[2], x.shape[2])
        beyond = ~valid_mask(lengths, characters.shape[1]).unsqueeze(2)
        return [self.filters(windows).masked_fill(beyond, float("-inf")).max(dim=1).values]


class CharacterRNN(WordFeatures):
    """What a recurrent layer ends with, in both directions (Lample et al. 2016, arXiv:1603.01360).

    Args:
        characters: See `WordFeatures`.
        cell: See `WordFeatures`.
        size: Features of a character; drawn uniformly within +-sqrt(3 / size).
        hidden_size: Features of the word from either direction; the cell is that of `cell=`.
        dropout: Probability of zeroing a feature of a character.
        shape_size: Features of the word's shape; 0 for none.
    """

    def __init__(
        self,
        characters: Vocab,
        cell: SizedCell,
        *,
        size: int = 25,
        hidden_size: int = 25,
        dropout: float = 0.0,
        shape_size: int = 0,
    ) -> None:
        super().__init__(characters, cell, shape_size=shape_size)
        check("size", size, 1)
        check("hidden_size", hidden_size, 1)
        self.letters = Letters(characters, size, dropout)
        self.layer = Bidirectional(size, lambda inputs: cell(inputs, hidden_size))
        self.output_size += self.layer.output_size

    def read(self, characters: Int[Tensor, "U C"], lengths: Int[Tensor, "U"]) -> list[Tensor]:
        """See `WordFeatures.read`."""
        outputs = self.layer.outputs(self.letters(characters), lengths)
        return [self.layer.final(outputs, lengths)]


class ShapeAlone(WordFeatures):
    """The word's shape and nothing else.

    Args:
        characters: See `WordFeatures`.
        cell: See `WordFeatures`.
        shape_size: Features of the word's shape.
    """

    def __init__(self, characters: Vocab, cell: SizedCell, *, shape_size: int = 10) -> None:
        super().__init__(characters, cell, shape_size=check("shape_size", shape_size, 1))

    def read(self, characters: Int[Tensor, "U C"], lengths: Int[Tensor, "U"]) -> list[Tensor]:
        """See `WordFeatures.read`; no letter is read."""
        return []


class Letters(nn.Module):
    """A trained vector for each character.

    Args:
        characters: The alphabet.
        size: Features of a vector.
        dropout: Probability of zeroing a feature.
    """

    def __init__(self, characters: Vocab, size: int, dropout: float) -> None:
        super().__init__()
        if not 0.0 <= dropout < 1.0:
            raise ConfigError(f"characters.dropout: must be at least 0 and below 1, not {dropout}")
        bound = sqrt(3 / size)
        self.weight = nn.Parameter(torch.empty(len(characters), size).uniform_(-bound, bound))
        with torch.no_grad():
            self.weight[0] = 0.0
        self.dropout = nn.Dropout(dropout)

    def forward(self, characters: Int[Tensor, "U C"]) -> Float[Tensor, "U C D"]:
        """Their vectors; zero for padding."""
        vectors: Tensor = self.dropout(functional.embedding(characters, self.weight, padding_idx=0))
        return vectors


def check(name: str, value: int, least: int) -> int:
    """The value itself; a ConfigError where it is too small."""
    if value < least:
        raise ConfigError(f"characters.{name}: {value} is too small, the least is {least}")
    return value
