"""The shape of a word: its capitals, digits and other signs."""

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnlab.data.batch import valid_mask
from rnnlab.data.vocab import Vocab

SHAPES = 30
"""Five cases x three shares of digits x with or without other signs."""


class WordShape(nn.Module):
    """A trained vector for each shape.

    The case is one of: no letter, lower (`said`), upper (`EU`, `I`), title (`Paris`), mixed
    (`McDonald`); digits are none, some or all characters; other signs (a hyphen, a dot, a character
    that the alphabet does not know) are there or not.

    Args:
        characters: The alphabet.
        size: Features of a vector.
    """

    kinds: Int[Tensor, "3 V"]

    def __init__(self, characters: Vocab, size: int) -> None:
        super().__init__()
        tests = (str.isupper, str.islower, str.isdecimal)
        single = [token if len(token) == 1 else "" for token in characters.tokens]
        kinds = torch.tensor([[test(token) for token in single] for test in tests])
        self.register_buffer("kinds", kinds, persistent=False)
        self.vectors = nn.Embedding(SHAPES, size)
        nn.init.normal_(self.vectors.weight, std=0.1)

    def shapes(self, characters: Int[Tensor, "U C"], lengths: Int[Tensor, "U"]) -> Int[Tensor, "U"]:
        """The shape of each word, 0 to 29."""
        upper, lower, digit = self.kinds[:, characters]
        real = valid_mask(lengths, characters.shape[1])
        other = real & ~(upper | lower | digit)
        capitals, small, digits = upper.sum(1), lower.any(1), digit.sum(1)
        title = upper[:, 0] & (capitals == 1)
        case = torch.where(
            small, torch.where(capitals == 0, 1, torch.where(title, 3, 4)), 2 * (capitals > 0)
        )
        share = (digits > 0).long() + (digits == lengths)
        shapes: Tensor = case * 6 + share * 2 + other.any(1)
        return shapes

    def forward(
        self, characters: Int[Tensor, "U C"], lengths: Int[Tensor, "U"]
    ) -> Float[Tensor, "U D"]:
        """The vector of each word's shape."""
        vectors: Tensor = self.vectors(self.shapes(characters, lengths))
        return vectors
