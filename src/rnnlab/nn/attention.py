"""Attention: where in the source each target step looks."""

from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from rnnlab.errors import ConfigError

AttentionKind = Literal["additive", "dot", "general", "scaled", "none"]


class AttentionMap(NamedTuple):
    """What a task attended to in a batch.

    Attributes:
        weights: Of each source step for each of U queries; zero on padding of the source.
        rows: A label for each query of each sequence, such as the target token; as many as it has
            queries, the rest is padding.
    """

    weights: Float[Tensor, "B U T"]
    rows: list[list[str]]


Queries = Float[Tensor, "B U Q"]
Keys = Float[Tensor, "B T A"]
Values = Float[Tensor, "B T O"]
Scores = Float[Tensor, "B U T"]


class Attention(nn.Module):
    """Scores every source step against a query; the context is the mean by these scores.

    a_u = softmax_t(e_ut), c_u = sum_t a_ut h_t; a subclass says what the score e_ut of query q_u
    and source step h_t is. What of it does not depend on the query is the key: `project` it once
    a sentence and hand it to every call.

    The constructor takes the features Q of a query and O of a source step.

    Attributes:
        key: Makes the keys.
    """

    key: nn.Module

    def project(self, values: Values) -> Keys:
        """The keys of a sentence, for `forward`."""
        keys: Tensor = self.key(values)
        return keys

    def scores(self, queries: Queries, keys: Keys) -> Scores:
        """e_ut of every query and every source step, padding among them: their product."""
        return queries @ keys.transpose(1, 2)

    def forward(
        self,
        queries: Queries | Float[Tensor, "B Q"],
        keys: Keys,
        values: Values,
        mask: Bool[Tensor, "B T"],
    ) -> tuple[Tensor, Tensor]:
        """Context (B, U, O) and weights (B, U, T); without U where `queries` has none.

        Args:
            queries: One query a sentence, or one for each of U target steps.
            keys: `project(values)`.
            values: Source steps to average.
            mask: True on real source steps, at least one a sentence; the others get weight 0.
        """
        if queries.dim() == 2:
            context, weights = self(queries.unsqueeze(1), keys, values, mask)
            return context.squeeze(1), weights.squeeze(1)
        scores = self.scores(queries, keys)
        weights = scores.masked_fill(~mask.unsqueeze(1), float("-inf")).softmax(dim=-1)
        return weights @ values, weights


class AdditiveAttention(Attention):
    """The score is that of a one-layer network: e_ut = v . tanh(W q_u + U h_t).

    Bahdanau et al. 2015 (arXiv:1409.0473), section A.1.2; the keys are U h_t.

    Args:
        query_size: Features Q of a query.
        value_size: Features O of a source step.

    Attributes:
        max_elements: Where (B, U, T, Q) would be larger, the queries are taken in chunks that are
            computed again in the backward pass, so that memory stays bounded: 256 MB in float32.
    """

    max_elements = 1 << 26

    def __init__(self, query_size: int, value_size: int) -> None:
        super().__init__()
        self.query = nn.Linear(query_size, query_size)
        self.key = nn.Linear(value_size, query_size, bias=False)
        self.energy = nn.Linear(query_size, 1, bias=False)
        for linear in (self.query, self.key, self.energy):
            nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(self.query.bias)

    def scores(self, queries: Queries, keys: Keys) -> Scores:
        """See `Attention.scores`."""
        projected = self.query(queries)
        at_once = max(1, self.max_elements // max(1, keys.numel()))
        if projected.shape[1] <= at_once:
            return self._energies(projected, keys)
        chunks = [
            checkpoint(self._energies, chunk, keys, use_reentrant=False)
            for chunk in projected.split(at_once, dim=1)
        ]
        return torch.cat(chunks, dim=1)

    def _energies(self, queries: Tensor, keys: Tensor) -> Tensor:
        # in place: the sum is not needed again, and this is the largest tensor of a decoder
        hidden = (queries.unsqueeze(2) + keys.unsqueeze(1)).tanh_()
        energies: Tensor = self.energy(hidden)
        return energies.squeeze(-1)


class GeneralAttention(Attention):
    """The score is a learned product: e_ut = q_u . W h_t.

    Luong et al. 2015 (arXiv:1508.04025), section 3.1, "general"; the keys are W h_t.

    Args:
        query_size: Features Q of a query.
        value_size: Features O of a source step.
    """

    def __init__(self, query_size: int, value_size: int) -> None:
        super().__init__()
        self.key = nn.Linear(value_size, query_size, bias=False)
        nn.init.xavier_uniform_(self.key.weight)


class DotAttention(Attention):
    """The score is the plain product, without a weight: e_ut = q_u . h_t.

    Luong et al. 2015 (arXiv:1508.04025), section 3.1, "dot"; the keys are the h_t themselves.
    Sizes that differ are refused: with a matrix between them it would be `GeneralAttention`.

    Args:
        query_size: Features Q of a query.
        value_size: Features O of a source step, as many.

    Raises:
        ConfigError: The sizes differ.
    """

    def __init__(self, query_size: int, value_size: int) -> None:
        super().__init__()
        if query_size != value_size:
            raise ConfigError(
                f"task.attention: dot and scaled need outputs of one size, but the decoder's have "
                f"{query_size} features and the encoder's {value_size}; choose general"
            )
        self.key = nn.Identity()


class ScaledDotAttention(DotAttention):
    """The product divided by the root of the size: e_ut = q_u . h_t / sqrt(O).

    Vaswani et al. 2017 (arXiv:1706.03762), section 3.2.1, one head, without projections.
    Arguments and errors are those of `DotAttention`.
    """

    def scores(self, queries: Queries, keys: Keys) -> Scores:
        """See `Attention.scores`."""
        return super().scores(queries * queries.shape[-1] ** -0.5, keys)


ATTENTIONS: dict[AttentionKind, Callable[[int, int], Attention]] = {
    "additive": AdditiveAttention,
    "dot": DotAttention,
    "general": GeneralAttention,
    "scaled": ScaledDotAttention,
}
"""The module of each choice but `none`; its constructor takes the sizes of query and value."""
