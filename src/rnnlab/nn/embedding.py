"""From a batch's inputs to features: trained token vectors, or numbers as they are."""

from abc import ABC, abstractmethod
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


@dataclass(frozen=True)
class KeptVectors:
    """Vectors that a checkpoint holds: those of words that did not occur in training.

    Attributes:
        words: The words.
        vectors: Their vectors (E, D), row by row.

    Raises:
        ValueError: They do not fit together.
    """

    words: list[str]
    vectors: Float[Tensor, "E D"]

    def __post_init__(self) -> None:
        words = len(set(self.words))
        if self.vectors.dtype != torch.float32 or self.vectors.ndim != 2:
            raise ValueError("kept vectors are no table of float32")
        if not words == len(self.words) == len(self.vectors):
            raise ValueError(f"{len(self.vectors)} kept vectors for {words} words")


class Vectors(ABC):
    """What a choice of the `embedding` group does: it makes the module for a vocabulary.

    Attributes:
        lower_fallback: Whether a word that is not known is looked up in lower case as well.
        coverage: What the last call of `module` found; None before it, or where nothing is looked
            up.
    """

    lower_fallback: bool = False
    coverage: Coverage | None = None

    @property
    def words(self) -> Sequence[str]:
        """Words whose vectors are known before training; for `SequenceData.add_words`."""
        return ()

    def checksums(self) -> dict[str, str]:
        """sha256 of each file read, by its path below the data root."""
        return {}

    def to_keep(self, vocab: Vocab) -> KeptVectors | None:
        """What a checkpoint is to hold beside the weights, so that no file is needed any more."""
        return None

    def use_kept(self, kept: KeptVectors) -> None:
        """Take what a checkpoint holds in place of a file; the base words have it in the weights.

        Call it before all others.
        """
        raise NotImplementedError

    def dry_module(self, vocab: Vocab) -> TokenEmbedding:
        """An embedding of the right sizes, without reading a file."""
        return self.module(vocab)

    @abstractmethod
    def module(self, vocab: Vocab) -> TokenEmbedding:
        """A newly initialised embedding; random numbers come from torch's global generator."""


class RandomVectors(Vectors):
    """Random vectors, learned with the task.

    Small numbers let the recurrent layer start in the linear range of its gates.

    Args:
        embedding_dim: Features D of a token.
        std: Standard deviation of the vectors at the start.
    """

    def __init__(self, *, embedding_dim: PositiveInt = 100, std: NonNegativeFloat = 0.1) -> None:
        self.embedding_dim = embedding_dim
        self.std = std

    def module(self, vocab: Vocab) -> TokenEmbedding:
        """A newly initialised embedding; random numbers come from torch's global generator."""
        return TokenEmbedding(torch.randn(vocab.base_size, self.embedding_dim) * self.std)
