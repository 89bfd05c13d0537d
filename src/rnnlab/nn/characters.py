"""Features of words from their characters, for the distinct words of a batch."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from math import sqrt
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from rnnlab.config.types import NonNegativeInt, PositiveInt, Probability
from rnnlab.data.batch import WordCharacters, valid_mask
from rnnlab.data.vocab import Vocab
from rnnlab.layers.base import Layer
from rnnlab.nn.embedding import TokenEmbedding
from rnnlab.nn.word_shape import WordShape

SizedCell = Callable[[int, int], Layer]
"""Makes a layer for a number of input features and one of hidden units; from the `cell` group."""


class CharacterEncoder(nn.Module, ABC):
    """Reads words character by character, and their shapes.

    `characters` and `cell` are the positional parameters of every choice of the `characters`
    group.

    Args:
        characters: The alphabet.
        cell: Makes recurrent layers, for those that have one.
        shape_size: Features of the word's shape (capitals, digits, other signs); 0 for none.

    Attributes:
        output_size: Features F of a word.
    """

    output_size: int

    def __init__(
        self, characters: Vocab, cell: SizedCell, *, shape_size: NonNegativeInt = 0
    ) -> None:
        super().__init__()
        self.shape = WordShape(characters, shape_size) if shape_size else None
        self.output_size = shape_size

    @abstractmethod
    def read(self, characters: Int[Tensor, "U C"], lengths: Int[Tensor, "U"]) -> list[Tensor]:
        """Features of the characters; parts (U, ...) to be concatenated."""

    def forward(self, words: WordCharacters) -> Float[Tensor, "U F"]:
        """Features of each distinct word."""
        parts = self.read(words.characters, words.lengths)
        if self.shape is not None:
            parts.append(self.shape(words.characters, words.lengths))
        return torch.cat(parts, dim=1)


class CharacterCNN(CharacterEncoder):
    """The largest value of each filter over a word (Ma and Hovy 2016, arXiv:1603.01354).

    Args:
        characters: See `CharacterEncoder`.
        cell: See `CharacterEncoder`.
        embedding_dim: Features of a character; drawn uniformly within +-sqrt(3 / embedding_dim).
        filters: Filters, each a feature of the word.
        kernel_size: Characters that a filter sees at once; words are padded by half of it.
        dropout: Probability of zeroing a feature of a character.
        **options: Those of `CharacterEncoder`.
    """

    def __init__(
        self,
        characters: Vocab,
        cell: SizedCell,
        *,
        embedding_dim: PositiveInt = 30,
        filters: PositiveInt = 30,
        kernel_size: PositiveInt = 3,
        dropout: Probability = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(characters, cell, **options)
        self.letters = CharacterEmbedding(characters, embedding_dim, dropout)
        self.kernel_size = kernel_size
        # a product over windows: a convolution would compile a kernel for every batch's shape
        self.filters = nn.Linear(kernel_size * embedding_dim, filters)
        self.output_size += filters

    def read(self, characters: Int[Tensor, "U C"], lengths: Int[Tensor, "U"]) -> list[Tensor]:
        """See `CharacterEncoder.read`."""
        x = self.letters(characters)
        before = (self.kernel_size - 1) // 2
        framed = functional.pad(x, (0, 0, before, self.kernel_size - 1 - before))
        windows = framed.flatten(1).unfold(1, self.kernel_size * x.shape[2], x.shape[2])
        beyond = ~valid_mask(lengths, characters.shape[1]).unsqueeze(2)
        return [self.filters(windows).masked_fill(beyond, float("-inf")).max(dim=1).values]


class CharacterRNN(CharacterEncoder):
    """What a recurrent layer ends with, in both directions (Lample et al. 2016, arXiv:1603.01360).

    Args:
        characters: See `CharacterEncoder`.
        cell: See `CharacterEncoder`.
        embedding_dim: Features of a character; drawn uniformly within +-sqrt(3 / embedding_dim).
        hidden_size: Features of the word from either direction; the cell is that of `cell=`.
        dropout: Probability of zeroing a feature of a character.
        **options: Those of `CharacterEncoder`.
    """

    def __init__(
        self,
        characters: Vocab,
        cell: SizedCell,
        *,
        embedding_dim: PositiveInt = 25,
        hidden_size: PositiveInt = 25,
        dropout: Probability = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(characters, cell, **options)
        self.letters = CharacterEmbedding(characters, embedding_dim, dropout)
        make = partial(cell, embedding_dim, hidden_size)
        self.layer = make().two_directions(make)
        self.output_size += self.layer.output_size

    def read(self, characters: Int[Tensor, "U C"], lengths: Int[Tensor, "U"]) -> list[Tensor]:
        """See `CharacterEncoder.read`."""
        outputs = self.layer.outputs(self.letters(characters), lengths)
        return [self.layer.final(outputs, lengths)]


class WordShapeOnly(CharacterEncoder):
    """The word's shape and nothing else.

    Args:
        characters: See `CharacterEncoder`.
        cell: See `CharacterEncoder`.
        shape_size: Features of the word's shape (capitals, digits, other signs).
    """

    def __init__(self, characters: Vocab, cell: SizedCell, *, shape_size: PositiveInt = 10) -> None:
        super().__init__(characters, cell, shape_size=shape_size)

    def read(self, characters: Int[Tensor, "U C"], lengths: Int[Tensor, "U"]) -> list[Tensor]:
        """See `CharacterEncoder.read`; nothing."""
        return []


class CharacterEmbedding(nn.Embedding):
    """A trained vector for each character.

    Args:
        characters: The alphabet.
        embedding_dim: Features of a vector.
        dropout: Probability of zeroing a feature.
    """

    def __init__(self, characters: Vocab, embedding_dim: int, dropout: float) -> None:
        bound = sqrt(3 / embedding_dim)
        weight = torch.empty(len(characters), embedding_dim).uniform_(-bound, bound)
        weight[0] = 0.0
        super().__init__(len(characters), embedding_dim, padding_idx=0, _weight=weight)
        self.dropout = nn.Dropout(dropout)

    def forward(self, characters: Int[Tensor, "U C"]) -> Float[Tensor, "U C D"]:
        """Their vectors; zero for padding."""
        vectors: Tensor = self.dropout(super().forward(characters))
        return vectors


class StackedEmbedding(nn.Module):
    """Of each word its vector, then features of its characters.

    A word that occurs twice in a batch is read once.

    Args:
        tokens: Vectors of the vocabulary's words.
        features: Reads the words' characters.

    Attributes:
        output_size: Features of both together.
    """

    def __init__(self, tokens: TokenEmbedding, features: CharacterEncoder) -> None:
        super().__init__()
        self.tokens = tokens
        self.features = features
        self.output_size = tokens.output_size + features.output_size

    @property
    def weight(self) -> nn.Parameter:
        """The table of the words' own vectors."""
        return self.tokens.weight

    @property
    def types(self) -> int:
        """How many words it has vectors for."""
        return self.tokens.types

    def forward(self, ids: Int[Tensor, "B T"], words: WordCharacters) -> Float[Tensor, "B T D"]:
        """Vectors of the words; characters tell unknown words apart."""
        features = functional.embedding(words.index, self.features(words))
        return torch.cat([self.tokens(ids), features], dim=2)
