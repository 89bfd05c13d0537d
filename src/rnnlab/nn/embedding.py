"""From a batch's inputs to features: trained token vectors, or numbers as they are."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from rnnlab.config.types import NonNegativeFloat, PositiveInt
from rnnlab.data.vocab import Vocab


class TokenEmbedding(nn.Module):
    """A vector for each token.

    The tokens of the training data have a trainable table; id 0, the padding, is a zero vector
    that gets no gradient. Tokens that were added by `Vocab.extend` have fixed vectors behind it,
    which are not in the `state_dict`: they are read from a file.

    Args:
        table: Vectors of the base tokens (V, D); its row 0 is set to zero.
        extension: Vectors of the added tokens (E, D), ids V to V + E - 1; None for no such token.
        frozen: Do not train the table either.

    Attributes:
        output_size: Features D.
    """

    extension: Tensor | None

    def __init__(
        self,
        table: Float[Tensor, "V D"],
        extension: Float[Tensor, "E D"] | None = None,
        *,
        frozen: bool = False,
    ) -> None:
        super().__init__()
        table = table.clone()
        table[0] = 0.0
        self.weight = nn.Parameter(table, requires_grad=not frozen)
        self.register_buffer("extension", extension, persistent=False)
        self.output_size = table.shape[1]

    @property
    def types(self) -> int:
        """How many tokens it has vectors for."""
        return self.weight.shape[0] + (0 if self.extension is None else self.extension.shape[0])

    def forward(self, ids: Int[Tensor, "B T"]) -> Float[Tensor, "B T D"]:
        """Vectors of the tokens."""
        if self.extension is None:
            return functional.embedding(ids, self.weight, padding_idx=0)
        # Two look-ups and a choice: nothing depends on the values of `ids`, so a GPU does not
        # wait, and the large part is no parameter, so it costs no gradient and no optimiser state.
        base = self.weight.shape[0]
        trained = ids < base
        known = functional.embedding(torch.where(trained, ids, 0), self.weight, padding_idx=0)
        added = functional.embedding(torch.where(trained, 0, ids - base), self.extension)
        return torch.where(trained.unsqueeze(-1), known, added)


class Features(nn.Identity):
    """The identity, for inputs that are numbers already.

    Args:
        size: Features F of a step.

    Attributes:
        output_size: The same.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.output_size = size


@dataclass(frozen=True)
class Coverage:
    """How many words of the training vocabulary have a vector of their own in a file.

    Attributes:
        words: Words asked for (padding and the unknown word are none).
        exact: Found as they are.
        lowered: Found in lower case only.
    """

    words: int
    exact: int
    lowered: int

    @property
    def missing(self) -> int:
        """Words without a vector."""
        return self.words - self.exact - self.lowered

    @property
    def share(self) -> float:
        """Part of the words that have a vector, 0 to 1."""
        return (self.exact + self.lowered) / max(1, self.words)

    def __str__(self) -> str:
        """One line for the log."""
        return (
            f"vectors for {self.share:.1%} of {self.words:,} words: {self.exact:,} as written, "
            f"{self.lowered:,} in lower case, {self.missing:,} without"
        )


class RandomVectors:
    """Random vectors, learned with the task.

    Small numbers let the recurrent layer start in the linear range of its gates.

    Args:
        embedding_dim: Features D of a token.
        std: Standard deviation of the vectors at the start.

    Attributes:
        words: Words whose vectors are known before training; for `SequenceData.add_words`.
        lower_fallback: Whether a word that is not known is looked up in lower case as well.
        coverage: A `Coverage`, where the last call of `module` looked words up.
    """

    lower_fallback = False
    coverage = None

    def __init__(self, *, embedding_dim: PositiveInt = 100, std: NonNegativeFloat = 0.1) -> None:
        self.embedding_dim = embedding_dim
        self.std = std
        self.words: Sequence[str] = ()

    def checksums(self) -> dict[str, str]:
        """Empty: no file is read."""
        return {}

    def module(self, vocab: Vocab) -> TokenEmbedding:
        """A newly initialised embedding; random numbers come from torch's global generator."""
        return TokenEmbedding(torch.randn(vocab.base_size, self.embedding_dim) * self.std)
