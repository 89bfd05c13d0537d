"""Word vectors with features of the words' letters beside them."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from rnnlab.data.batch import WordCharacters
from rnnlab.nn.characters import WordFeatures
from rnnlab.nn.embedding import TokenEmbedding


class SpelledEmbedding(nn.Module):
    """A word's vector, then its features; a word that occurs twice in a batch is read once.

    Args:
        tokens: Vectors of the vocabulary's words.
        features: Reads the words' letters.

    Attributes:
        output_size: Features of both together.
    """

    def __init__(self, tokens: TokenEmbedding, features: WordFeatures) -> None:
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
        """Vectors of the words, those of unknown words told apart by their letters."""
        features = functional.embedding(words.index, self.features(words))
        return torch.cat([self.tokens(ids), features], dim=2)
