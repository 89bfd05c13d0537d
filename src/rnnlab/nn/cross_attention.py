"""Multi-head attention from one sequence to another: from a decoder's steps to the source."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from rnnlab.layers.attention import GPT2_STD


class SourceMemory(NamedTuple):
    """What cross-attention reads of a batch of sources, made once by `CrossAttention.project`.

    Attributes:
        keys: Of each head.
        values: Of each head.
        mask: True on real source steps.
    """

    keys: Float[Tensor, "B N T d"]
    values: Float[Tensor, "B N T d"]
    mask: Bool[Tensor, "B T"]


class CrossAttention(nn.Module):
    """Queries of a target, keys and values of a source (arXiv:1706.03762, section 3.2.3).

    Each of N heads gives softmax(q k^T / sqrt(d)) v over the real source steps; the output is
    W_o [heads] + b_o. Weights start as in GPT-2, the output 1 / sqrt(2 L) of that.

    Args:
        size: Features S of a target step, before and after, and of all heads together.
        source_size: Features O of a source step.
        num_heads: Heads N, which divide `size`.
        num_layers: Blocks L of the decoder.
    """

    def __init__(self, size: int, source_size: int, *, num_heads: int, num_layers: int) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.query = nn.Linear(size, size)
        self.key_value = nn.Linear(source_size, 2 * size)
        self.output = nn.Linear(size, size)
        for linear in (self.query, self.key_value, self.output):
            nn.init.normal_(linear.weight, std=GPT2_STD)
            nn.init.zeros_(linear.bias)
        with torch.no_grad():
            self.output.weight.mul_((2 * num_layers) ** -0.5)

    def project(self, source: Float[Tensor, "B T O"], mask: Bool[Tensor, "B T"]) -> SourceMemory:
        """Keys and values of the sources, for all calls on them."""
        projected: Tensor = self.key_value(source)
        keys, values = projected.chunk(2, dim=-1)
        return SourceMemory(self._heads(keys), self._heads(values), mask)

    def forward(
        self,
        x: Float[Tensor, "B U S"] | Float[Tensor, "B S"],
        keys: Float[Tensor, "B N T d"],
        values: Float[Tensor, "B N T d"],
        mask: Bool[Tensor, "B T"],
    ) -> Tensor:
        """What each target step reads of its source, with the shape of `x`."""
        if x.dim() == 2:
            one: Tensor = self(x.unsqueeze(1), keys, values, mask)
            return one.squeeze(1)
        read = functional.scaled_dot_product_attention(
            self._heads(self.query(x)), keys, values, attn_mask=mask[:, None, None, :]
        )
        output: Tensor = self.output(read.transpose(1, 2).flatten(2))
        return output

    def weights(
        self,
        x: Float[Tensor, "B U S"],
        keys: Float[Tensor, "B N T d"],
        values: Float[Tensor, "B N T d"],
        mask: Bool[Tensor, "B T"],
    ) -> Float[Tensor, "B U T"]:
        """How much of each source step the same steps read: the mean over the heads."""
        queries = self._heads(self.query(x)) * keys.shape[-1] ** -0.5
        scores = queries @ keys.transpose(2, 3)
        weights: Tensor = scores.masked_fill(~mask[:, None, None, :], float("-inf")).softmax(-1)
        return weights.mean(1)

    def _heads(self, x: Float[Tensor, "B L S"]) -> Float[Tensor, "B N L d"]:
        return x.view(*x.shape[:2], self.num_heads, -1).transpose(1, 2)
