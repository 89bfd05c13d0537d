"""Additive attention: where in the source each target step looks."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

MAX_ELEMENTS = 1 << 26
"""Largest tensor (B, U, T, A) held for a backward pass, in elements: 256 MB in float32."""


class Attended(NamedTuple):
    """Where a task looked.

    Attributes:
        weights: Share of each source step in each of U looks; zero on padding of the source.
        rows: What each look of each sequence was for, in words; their number is that of its real
            looks, the rest is padding.
    """

    weights: Float[Tensor, "B U T"]
    rows: list[list[str]]


class AdditiveAttention(nn.Module):
    """Scores every source step against a query by a one-layer network.

    Bahdanau et al. 2015 (arXiv:1409.0473), section A.1.2: e_ut = v . tanh(W q_u + U h_t),
    a_u = softmax_t(e_ut), c_u = sum_t a_ut h_t. U h_t does not depend on the query: `project` it
    once a sentence and hand it to every call.

    Args:
        query_size: Features Q of a query.
        value_size: Features O of a source step.
        size: Units A of the scoring network.
        max_elements: Where (B, U, T, A) would be larger, the queries are taken in chunks that are
            computed again in the backward pass, so that memory stays bounded.
    """

    def __init__(
        self, query_size: int, value_size: int, size: int, *, max_elements: int = MAX_ELEMENTS
    ) -> None:
        super().__init__()
        self.query = nn.Linear(query_size, size)
        self.key = nn.Linear(value_size, size, bias=False)
        self.energy = nn.Linear(size, 1, bias=False)
        self.max_elements = max_elements
        for linear in (self.query, self.key, self.energy):
            nn.init.xavier_uniform_(linear.weight)
        nn.init.zeros_(self.query.bias)

    def project(self, values: Float[Tensor, "B T O"]) -> Float[Tensor, "B T A"]:
        """The keys U h_t of a sentence, for `forward`."""
        projected: Tensor = self.key(values)
        return projected

    def forward(
        self,
        queries: Float[Tensor, "B U Q"] | Float[Tensor, "B Q"],
        keys: Float[Tensor, "B T A"],
        values: Float[Tensor, "B T O"],
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
        projected = self.query(queries)
        at_once = max(1, self.max_elements // max(1, keys.numel()))
        if projected.shape[1] <= at_once:
            scores = self._scores(projected, keys)
        else:
            chunks = [
                checkpoint(self._scores, chunk, keys, use_reentrant=False)
                for chunk in projected.split(at_once, dim=1)
            ]
            scores = torch.cat(chunks, dim=1)
        weights = scores.masked_fill(~mask.unsqueeze(1), float("-inf")).softmax(dim=-1)
        return weights @ values, weights

    def _scores(self, queries: Tensor, keys: Tensor) -> Tensor:
        # in place: the sum is not needed again, and this is the largest tensor of a decoder
        hidden = (queries.unsqueeze(2) + keys.unsqueeze(1)).tanh_()
        scores: Tensor = self.energy(hidden)
        return scores.squeeze(-1)
