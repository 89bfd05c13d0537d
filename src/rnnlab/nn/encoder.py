"""The encoder: an embedding, layers on top of it, and what a task may use of them."""

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnlab.config.types import Probability
from rnnlab.data.batch import WordCharacters
from rnnlab.errors import ConfigError
from rnnlab.layers.base import CellFactory, Layer, State
from rnnlab.layers.bidirectional import Bidirectional
from rnnlab.layers.dropout import LockedDropout, TypeDropout, WordDropout
from rnnlab.layers.weight_drop import dropped_weights, recurrent_weights
from rnnlab.nn.decoder import Decoder
from rnnlab.nn.encoded import Encoded
from rnnlab.nn.subsampling import Convolutions, Subsampling
from rnnlab.nn.target_decoder import TargetDecoder


class Encoder(nn.Module):
    """Embedding -> layers -> `Encoded`.

    Dropout is applied between the layers, outside of any kernel, so that seeded runs repeat and
    every kernel computes the same function.

    A subclass makes the layers, last in its constructor, and gives them to `stack`. `embedding` and
    `cell` are the positional parameters of every choice of the `encoder` group.

    Args:
        embedding: From a batch's `inputs` to features (B, T, D); has `output_size` D.
        cell: Makes one recurrent layer for a number of input features.
        input_dropout: Probability of zeroing an embedded feature.
        output_dropout: Probability of zeroing a feature of the last layer's outputs.
        word_dropout: Probability of zeroing all embedded features of a step.
        embedding_dropout: Probability of zeroing a token of the vocabulary, wherever it stands in
            a batch.
        variational_dropout: Drop a feature at all steps of a sequence or at none. This holds for
            features of the embedding and of layers' outputs.
        subsampling: Input steps for one step of the layers, for inputs that are numbers, such as
            sound. Two steps become one in each of one or two convolutions, see `Convolutions`.

    Raises:
        ConfigError: `embedding_dropout` of inputs that are numbers, or `subsampling` of tokens.

    Attributes:
        layers: As given to `stack`.
        input_size: Features of a step that the first layer reads.
        output_size: Features O of the outputs.
        cell: As given; a decoder takes its own layers from it.
        bidirectional: Whether the layers read in both directions.
        dropout: Applied between the layers; none by default.
        weight_dropout: Probability of zeroing a recurrent weight; 0 by default.
        keeps_steps: Whether its outputs are steps of the inputs, and not one vector for all.
    """

    input_size: int
    output_size: int
    keeps_steps: bool = True
    bidirectional: bool = False
    weight_dropout: float = 0.0

    def __init__(
        self,
        embedding: nn.Module,
        cell: CellFactory,
        *,
        input_dropout: Probability = 0.0,
        output_dropout: Probability = 0.0,
        word_dropout: Probability = 0.0,
        embedding_dropout: Probability = 0.0,
        variational_dropout: bool = False,
        subsampling: Subsampling = 1,
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.cell = cell
        self.dropout_of = LockedDropout if variational_dropout else nn.Dropout
        self.dropout: nn.Module = nn.Identity()
        self.input_dropout = self.dropout_of(input_dropout)
        self.output_dropout = self.dropout_of(output_dropout)
        self.final_dropout = nn.Dropout(output_dropout)
        self.word_dropout = WordDropout(word_dropout)
        types = getattr(embedding, "types", 0)
        if embedding_dropout and not types:
            raise ConfigError("encoder.embedding_dropout: the inputs are numbers, no tokens; say 0")
        self.type_dropout = TypeDropout(embedding_dropout, types) if embedding_dropout else None
        self.subsampling = subsampling
        self.convolutions: Convolutions | None = None
        self.input_size = int(embedding.output_size)  # type: ignore[arg-type]
        if subsampling > 1:
            if types:
                raise ConfigError("encoder.subsampling: the inputs are tokens, no numbers; say 1")
            self.convolutions = Convolutions(self.input_size, subsampling)
            self.input_size = self.convolutions.output_size

    def stack(self, layers: Sequence[nn.Module]) -> None:
        """Take the layers, first to last; each has `outputs`, `final` and `output_size`."""
        self.layers = nn.ModuleList(layers)
        self.output_size = int(layers[-1].output_size)  # type: ignore[arg-type]

    def directions(self, input_size: int, cell: CellFactory | None = None) -> Layer | Bidirectional:
        """A new layer for inputs of a size, of one direction or both.

        Args:
            input_size: Its input features.
            cell: What makes it, if not the encoder's own cell.

        Raises:
            ConfigError: `weight_dropout` of a cell that names no recurrent weights.
        """
        make = partial(cell or self.cell, input_size)
        layer = make()
        if self.weight_dropout and not recurrent_weights(layer):
            raise ConfigError(
                "encoder.weight_dropout: this cell's `gates` name no recurrent weights; say 0"
            )
        return layer.two_directions(make) if self.bidirectional else layer

    def decoder(self, vocab_size: int, **options: Any) -> TargetDecoder:
        """A decoder that reads what this encoder makes.

        Args:
            vocab_size: Tokens that it writes.
            **options: Those of `rnnlab.nn.decoder.Decoder`.
        """
        sizes = [int(layer.output_size) for layer in self.layers]  # type: ignore[arg-type]
        return Decoder(self.cell, sizes, self.output_size, vocab_size, **options)

    def before_layers(self, x: Float[Tensor, "B T D"]) -> Float[Tensor, "B T _"]:
        """What the first layer reads, from the embedded steps."""
        return x

    def after_layers(
        self, x: Float[Tensor, "B T O"], lengths: Int[Tensor, "B"] | None
    ) -> Float[Tensor, "B T O"]:
        """The outputs, from those of the last layer; zero beyond the lengths."""
        return x

    def forward(
        self,
        inputs: Int[Tensor, "B T"] | Float[Tensor, "B T F"],
        lengths: Int[Tensor, "B"] | None,
        words: WordCharacters | None = None,
        states: tuple[State, ...] | None = None,
    ) -> Encoded:
        """Encode a right-padded batch.

        Args:
            inputs: Ids or features, as the embedding takes them.
            lengths: Real steps of each sequence, at least 1; None where all are T.
            words: Characters of the inputs, for an embedding that reads them.
            states: What each layer starts from, an `Encoded.states`; empty for the layers' own
                initial states. None where the states after the batch are not wanted either.

        Raises:
            ValueError: States of layers that read in both directions.
        """
        if states is not None and self.bidirectional:
            raise ValueError("bidirectional layers have no state to continue from")
        embedded = self.embedding(inputs) if words is None else self.embedding(inputs, words)
        if self.type_dropout is not None:  # else inputs may be numbers, which have no types
            embedded = self.type_dropout(embedded, inputs)
        if self.convolutions is not None:
            embedded, lengths = self.convolutions(embedded, lengths)
        x = self.before_layers(self.input_dropout(self.word_dropout(embedded)))
        real = x.new_full(x.shape[:1], x.shape[1], dtype=torch.long) if lengths is None else lengths
        finals: list[Tensor] = []
        after: list[State] = []
        last = len(self.layers) - 1
        for depth, layer in enumerate(cast("Sequence[Layer]", self.layers)):
            x = x if depth == 0 else self.dropout(x)
            with dropped_weights(layer, self.weight_dropout):
                if states is None:
                    x = layer.outputs(x, lengths)
                else:
                    x, state = layer(x, lengths, states[depth] if states else None)
                    after.append(state)
            x = self.after_layers(x, lengths) if depth == last else x
            finals.append(layer.final(x, real))
        return Encoded(
            outputs=self.output_dropout(x),
            final=self.final_dropout(finals[-1]),
            layers=tuple(finals),
            lengths=real,
            states=tuple(after),
            raw=x,
        )
