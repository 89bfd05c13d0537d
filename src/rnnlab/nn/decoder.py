"""The decoder: writes a target sequence, one token after the other."""

from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple, cast

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from rnnlab.errors import ConfigError
from rnnlab.layers.base import CellFactory, Layer, State
from rnnlab.nn.attention import ATTENTIONS, AttentionKind
from rnnlab.nn.bridge import Bridge
from rnnlab.nn.encoded import Encoded
from rnnlab.nn.target_decoder import TargetDecoder


class Source(NamedTuple):
    """What attention reads; see `rnnlab.nn.attention.Attention`."""

    keys: Float[Tensor, "B T A"]
    values: Float[Tensor, "B T O"]
    mask: Bool[Tensor, "B T"]


class Decoder(TargetDecoder):
    """Embedding -> recurrent layers -> attention -> readout -> vocabulary.

    The layers are of the encoder's cell and read the target tokens alone, so that all steps of a
    training batch are one call a layer; attention follows, for all steps at once, as in
    Luong et al. 2015 (arXiv:1508.04025, section 3). The readout r_u = tanh(W [h_u; c_u; e_u] + b)
    has the size of the embedding e_u, whether the two are tied or not.

    With input feeding (section 3.3 there) the layers read [e_u; r_{u-1}], with zeros for r_0, so
    that they know what was attended to. Training then goes step by step as well, by `Layer.step`
    whatever the cell's kernel.

    Without attention there is no c_u: all that the decoder knows of the source is its initial
    state (Sutskever et al. 2014), a bottleneck of fixed size.

    Layers without a state of a fixed size, as self-attention, start from nothing: they know the
    source by attention alone.

    Args:
        cell: Makes the layers: the encoder's.
        sizes: Final features of each layer of the encoder, first to last.
        output_size: Features O of the encoder's outputs.
        vocab_size: Target tokens V.
        embedding_dim: Features E of a target token, and of the readout.
        num_layers: Recurrent layers, at least 1.
        attention: How the encoder's outputs are attended to, see `rnnlab.nn.attention`; or `none`;
            None for additive.
        num_heads: None: these attentions have one.
        input_feeding: Also read the readout of the step before, after its dropout.
        dropout: Probability of zeroing an embedded token, an output between layers, and the
            readout.
        tie_word_embeddings: Use the embedding as the output weights (Press & Wolf 2017).

    Raises:
        ConfigError: An attention that does not fit the sizes; input feeding without one, or layers
            that cannot start from the source.
    """

    def __init__(
        self,
        cell: CellFactory,
        sizes: Sequence[int],
        output_size: int,
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
        attention = attention or "additive"
        if num_heads is not None:
            raise ConfigError(
                f"task.num_heads: {num_heads} heads need encoder=blocks; attention={attention} "
                "after recurrent layers has one: say null"
            )
        if input_feeding and attention == "none":
            raise ConfigError(
                "task.input_feeding: true feeds what attention saw; with task.attention=none "
                "there is nothing to feed"
            )
        self.input_feeding = input_feeding
        self.embedding = nn.Embedding(vocab_size, embedding_dim)
        layers: list[Layer] = []
        size = 2 * embedding_dim if input_feeding else embedding_dim
        for _ in range(num_layers):
            layers.append(cell(size))
            size = layers[-1].output_size
        self.layers = nn.ModuleList(layers)
        like = torch.zeros(1, 1)
        self._counts = [len(layer.initial_state(1, like)) for layer in layers]  # parts of a state
        if attention == "none" and not any(layer.fixed_size_state for layer in layers):
            raise ConfigError(
                "task.attention: none leaves the source to the decoder's initial state, which "
                f"{type(layers[0]).__name__} cannot start from; choose additive"
            )
        self.bridge = Bridge(sizes, layers)
        context_size = 0 if attention == "none" else output_size
        self.attention = None if attention == "none" else ATTENTIONS[attention](size, output_size)
        self.readout = nn.Linear(size + context_size + embedding_dim, embedding_dim)
        self.output = nn.Linear(embedding_dim, vocab_size)
        self.dropout = nn.Dropout(dropout)
        nn.init.normal_(self.embedding.weight, std=embedding_dim**-0.5)
        for linear in (self.readout, self.output):
            nn.init.xavier_uniform_(linear.weight)
            nn.init.zeros_(linear.bias)
        if tie_word_embeddings:
            self.output.weight = self.embedding.weight

    def forward(self, encoded: Encoded, tokens: Int[Tensor, "B U"]) -> Float[Tensor, "B U E"]:
        """See `TargetDecoder.forward`."""
        return self._all_steps(encoded, tokens)[0]

    def attention_weights(
        self, encoded: Encoded, tokens: Int[Tensor, "B U"]
    ) -> Float[Tensor, "B U T"] | None:
        """See `TargetDecoder.attention_weights`."""
        return self._all_steps(encoded, tokens)[1]

    def begin(self, encoded: Encoded) -> tuple[State, State]:
        """See `TargetDecoder.begin`: the states of all layers, with input feeding the readout."""
        states = self._initial(encoded, self.embedding.weight)
        fed = (self._nothing(encoded, self.embedding.weight),) if self.input_feeding else ()
        source = self._source(encoded)
        return (*chain.from_iterable(states), *fed), () if source is None else tuple(source)

    def step(
        self, tokens: Int[Tensor, "N"], state: State, memory: State
    ) -> tuple[Float[Tensor, "N V"], State]:
        """See `TargetDecoder.step`."""
        rest = iter(state)
        embedded = x = self.dropout(self.embedding(tokens))
        if self.input_feeding:
            x = torch.cat([x, state[-1]], dim=1)
        after: list[State] = []
        for depth, (layer, count) in enumerate(zip(self._stack, self._counts, strict=True)):
            before = tuple(next(rest) for _ in range(count))
            x, proposed = layer.step(x if depth == 0 else self.dropout(x), before)
            after.append(proposed)
        readout, _ = self._readout(x, embedded, Source(*memory) if memory else None)
        log_probs = self.output(readout).log_softmax(dim=-1)
        return log_probs, (*chain.from_iterable(after), *((readout,) if self.input_feeding else ()))

    def _all_steps(self, encoded: Encoded, tokens: Tensor) -> tuple[Tensor, Tensor | None]:
        """Readouts (B, U, E) and attention weights (B, U, T) when `tokens` are read."""
        embedded = x = self.dropout(self.embedding(tokens))
        source = self._source(encoded)
        states = self._initial(encoded, embedded)
        if self.input_feeding:
            return self._one_by_one(embedded, states, source, self._nothing(encoded, embedded))
        for depth, (layer, state) in enumerate(zip(self._stack, states, strict=True)):
            x, _ = layer(x if depth == 0 else self.dropout(x), None, state)
        return self._readout(x, embedded, source)

    def _one_by_one(
        self, embedded: Tensor, states: list[State], source: Source | None, fed: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The same with input feeding; `fed` is the readout before the first step."""
        steppers = [layer.stepper(state) for layer, state in zip(self._stack, states, strict=True)]
        readouts, looks = [], []
        for token in embedded.unbind(1):
            x = torch.cat([token, fed], dim=1)
            for depth, stepper in enumerate(steppers):
                x = stepper.step(x if depth == 0 else self.dropout(x))
            fed, weights = self._readout(x, token, source)
            readouts.append(fed)
            looks.append(cast(Tensor, weights))
        for stepper in steppers:
            stepper.finish()
        return torch.stack(readouts, dim=1), torch.stack(looks, dim=1)

    @property
    def _stack(self) -> list[Layer]:
        return cast(list[Layer], list(self.layers))

    def _initial(self, encoded: Encoded, like: Tensor) -> list[State]:
        # under autocast the bridge gives half precision; a state has the dtype of the inputs
        bridged = iter(self.bridge(encoded.layers))
        batch = encoded.lengths.shape[0]
        return [
            tuple(part.to(like.dtype) for part in next(bridged))
            if layer.fixed_size_state
            else layer.initial_state(batch, like)
            for layer in self._stack
        ]

    def _source(self, encoded: Encoded) -> Source | None:
        if self.attention is None:
            return None
        return Source(self.attention.project(encoded.outputs), encoded.outputs, encoded.mask)

    def _nothing(self, encoded: Encoded, like: Tensor) -> Tensor:
        """The readout before the first step: zeros (B, E)."""
        return like.new_zeros(encoded.lengths.shape[0], self.embedding.embedding_dim)

    def _readout(
        self, x: Tensor, embedded: Tensor, source: Source | None
    ) -> tuple[Tensor, Tensor | None]:
        """Readout and attention weights, of one step or of several at once."""
        parts, weights = [x, embedded], None
        if self.attention is not None and source is not None:
            context, weights = self.attention(x, *source)
            parts.insert(1, context)
        return self.dropout(torch.tanh(self.readout(torch.cat(parts, dim=-1)))), weights
