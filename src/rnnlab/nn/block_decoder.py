"""The decoder of residual blocks: with attention a Transformer's."""

from collections.abc import Callable
from itertools import chain
from typing import cast

from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnlab.errors import ConfigError
from rnnlab.layers.base import CellFactory, State
from rnnlab.nn.attention import AttentionKind
from rnnlab.nn.block import Block
from rnnlab.nn.cross_attention import CrossAttention, SourceMemory
from rnnlab.nn.encoded import Encoded
from rnnlab.nn.target_decoder import TargetDecoder

HEADS = 4
"""Of cross-attention, where none are asked for."""


class BlockDecoder(TargetDecoder):
    """Embedding -> blocks, each with cross-attention -> norm -> vocabulary.

    The blocks are those of the encoder, of its cell, and read the target tokens up to their own.
    What they know of the source comes from cross-attention (arXiv:1706.03762, figure 1, right):
    recurrent cells start from zeros. Where the embedding's size is not `size`, a linear layer leads
    from one to the other, and back before the output layer.

    Args:
        cell: Makes the mixers.
        block: Makes a block of a mixer; takes `num_layers`, `dropout` and `cross`, see `Block`.
        norm: Normalises what the last block gives.
        size: Features S of the residual stream.
        source_size: Features O of the encoder's outputs.
        vocab_size: Target tokens V.
        embedding_dim: Features E of a target token, and of the readout.
        num_layers: Blocks, at least 1.
        attention: None: blocks have an attention of their own.
        num_heads: Heads of cross-attention; None for 4.
        input_feeding: False: a block is fed no readout.
        dropout: Probability of zeroing a feature of an embedded token, and one that a part of a
            block adds.
        tie_word_embeddings: Use the embedding as the output weights (Press & Wolf 2017).

    Raises:
        ConfigError: What blocks do not have is asked for, or heads that do not divide `size`.
    """

    def __init__(
        self,
        cell: CellFactory,
        block: Callable[..., Block],
        norm: nn.Module,
        size: int,
        source_size: int,
        vocab_size: int,
        *,
        embedding_dim: int,
        num_layers: int = 1,
        attention: AttentionKind | None = None,
        num_heads: int | None = None,
        input_feeding: bool = False,
        dropout: float = 0.0,
        tie_word_embeddings: bool = False,
    ) -> None:
        super().__init__()
        heads = HEADS if num_heads is None else num_heads
        if attention is not None:
            raise ConfigError(
                f"task.attention: {attention} is for recurrent layers; each block of "
                "encoder=blocks has its own, of task.num_heads heads: say null"
            )
        if input_feeding:
            raise ConfigError(
                "task.input_feeding: true needs encoder=recurrent; a decoder of blocks reads all "
                "steps at once and is fed nothing: say false"
            )
        if size % heads:
            raise ConfigError(
                f"task.num_heads: {heads} heads do not divide encoder.model_size={size}"
            )
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        self.output = nn.Linear(embedding_dim, vocab_size)
        self.dropout = nn.Dropout(dropout)
        self.input, self.readout = _between(embedding_dim, size), _between(size, embedding_dim)
        self.layers = nn.ModuleList(
            block(
                cell(size),
                num_layers=num_layers,
                dropout=lambda: nn.Dropout(dropout),
                cross=CrossAttention(size, source_size, num_heads=heads, num_layers=num_layers),
            )
            for _ in range(num_layers)
        )
        self.norm = norm
        nn.init.normal_(self.embedding.weight, std=embedding_dim**-0.5)
        nn.init.xavier_uniform_(self.output.weight)
        nn.init.zeros_(self.output.bias)
        if tie_word_embeddings:
            self.output.weight = self.embedding.weight

    def forward(self, encoded: Encoded, tokens: Int[Tensor, "B U"]) -> Float[Tensor, "B U E"]:
        """See `TargetDecoder.forward`; all steps of a block are one call."""
        x = self._embedded(tokens)
        for block, memory in zip(self._blocks, self._memories(encoded), strict=True):
            x = block.outputs(x, None, memory)
        return self._read(x)

    def attention_weights(
        self, encoded: Encoded, tokens: Int[Tensor, "B U"]
    ) -> Float[Tensor, "B U T"]:
        """Those of the last block, the mean over its heads."""
        *first, last = zip(self._blocks, self._memories(encoded), strict=True)
        x = self._embedded(tokens)
        for block, memory in first:
            x = block.outputs(x, None, memory)
        block, memory = last
        seen: list[Tensor] = []
        cross = cast(CrossAttention, block.cross)
        with cross.register_forward_pre_hook(lambda _, read: seen.append(read[0])):
            block.outputs(x, None, memory)
        return cross.weights(seen[0], *memory)

    def begin(self, encoded: Encoded) -> tuple[State, State]:
        """See `TargetDecoder.begin`: the states of all mixers, of attention its keys and values."""
        batch, like = encoded.lengths.shape[0], self.embedding.weight
        states = (block.initial_state(batch, like) for block in self._blocks)
        memories = self._memories(encoded)
        return tuple(chain.from_iterable(states)), tuple(chain.from_iterable(memories))

    def step(
        self, tokens: Int[Tensor, "N"], state: State, memory: State
    ) -> tuple[Float[Tensor, "N V"], State]:
        """See `TargetDecoder.step`."""
        rest, read = iter(state), iter(memory)
        x = self._embedded(tokens)
        after: list[State] = []
        for block in self._blocks:
            before = tuple(next(rest) for _ in block.initial_state(1, x))
            x, proposed = block.step(x, before, SourceMemory(next(read), next(read), next(read)))
            after.append(proposed)
        log_probs = self.output(self._read(x)).log_softmax(dim=-1)
        return log_probs, tuple(chain.from_iterable(after))

    @property
    def _blocks(self) -> list[Block]:
        return cast(list[Block], list(self.layers))

    def _memories(self, encoded: Encoded) -> list[SourceMemory]:
        crosses = [cast(CrossAttention, block.cross) for block in self._blocks]
        return [cross.project(encoded.outputs, encoded.mask) for cross in crosses]

    def _embedded(self, tokens: Tensor) -> Tensor:
        x: Tensor = self.input(self.dropout(self.embedding(tokens)))
        return x

    def _read(self, x: Tensor) -> Tensor:
        readout: Tensor = self.readout(self.norm(x))
        return readout


def _between(size: int, other: int) -> nn.Module:
    """A linear layer from one size to another, if that is another."""
    if size == other:
        return nn.Identity()
    linear = nn.Linear(size, other)
    nn.init.normal_(linear.weight, std=size**-0.5)
    nn.init.zeros_(linear.bias)
    return linear
