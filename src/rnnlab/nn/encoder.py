"""The encoder: embedding, then a stack of recurrent layers, then what a task may use."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, cast

import torch
from annotated_types import Ge, Le
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnlab.config.types import PositiveInt, Probability
from rnnlab.data.batch import WordCharacters, valid_mask
from rnnlab.errors import ConfigError
from rnnlab.layers.base import CellFactory, Layer, State
from rnnlab.layers.bidirectional import Bidirectional
from rnnlab.layers.dropout import LockedDropout, TypeDropout, WordDropout
from rnnlab.layers.weight_drop import dropped_weights, recurrent_weights


@dataclass(frozen=True, slots=True)
class Encoded:
    """What an encoder makes of a batch.

    Attributes:
        outputs: Last layer's outputs (B, T, O), zero beyond `lengths`.
        final: Its outputs after each whole sequence was read (B, O): at the last valid step of
            the forward direction, at the first step of the backward one.
        layers: The same for every layer, first to last, each (B, its own features).
        lengths: Real steps of each sequence (B,).
        states: Of each layer the state after the last step, first to last; empty where the
            encoder was not asked for them.
        raw: `outputs` before dropout; None where that is not known.
    """

    outputs: Float[Tensor, "B T O"]
    final: Float[Tensor, "B O"]
    layers: tuple[Float[Tensor, "B _"], ...]
    lengths: Int[Tensor, "B"]
    states: tuple[State, ...] = ()
    raw: Float[Tensor, "B T O"] | None = None

    @property
    def mask(self) -> Tensor:
        """Boolean (B, T), true on the real steps."""
        return valid_mask(self.lengths, self.outputs.shape[1])


class Encoder(nn.Module):
    """Embedding -> layers x directions -> `Encoded`.

    Dropout stands between the layers, outside of any kernel, so that seeded runs repeat and every
    kernel is the same function.

    Args:
        embedding: From a batch's `inputs` to features (B, T, D); has `output_size` D.
        cell: Makes one recurrent layer for a number of input features.
        num_layers: Layers of the stack, at least 1.
        bidirectional: Read the sequence in both directions; their outputs are concatenated,
            so that `output_size` is twice the cell's.
        dropout: Probability of zeroing an output of a layer that feeds another layer.
        input_dropout: The same for the embedded inputs.
        output_dropout: The same for the last layer's outputs, before the task's head.
        word_dropout: Probability of zeroing all embedded features of a step.
        embedding_dropout: The same of a type of token, at all steps of a batch where it stands.
        weight_dropout: Probability of zeroing a recurrent weight, for a whole batch (DropConnect).
        variational_dropout: Zero a feature at all steps of a sequence or at none. This holds for
            `dropout`, `input_dropout` and `output_dropout`.
        last_size: Features of the last layer, in each direction; None for those of the others. It
            is given to the cell as its `hidden_size`.
        init_from: Checkpoint or run folder that training starts from; of no influence here, and on
            a model that is restored (`rnnlab.training.pretrained`).

    Raises:
        ConfigError: `embedding_dropout` of inputs that are numbers, or `weight_dropout` of a cell
            that names no recurrent weights.

    Attributes:
        output_size: Features O of the outputs.
        cell: As given; a decoder takes its own layers from it.
        bidirectional: As given.
    """

    def __init__(
        self,
        embedding: nn.Module,
        cell: CellFactory,
        *,
        num_layers: Annotated[int, Ge(1), Le(1000)] = 1,
        bidirectional: bool = False,
        dropout: Probability = 0.0,
        input_dropout: Probability = 0.0,
        output_dropout: Probability = 0.0,
        word_dropout: Probability = 0.0,
        embedding_dropout: Probability = 0.0,
        weight_dropout: Probability = 0.0,
        variational_dropout: bool = False,
        last_size: PositiveInt | None = None,
        init_from: str | None = None,
    ) -> None:
        super().__init__()
        self.embedding = embedding
        self.cell = cell
        self.bidirectional = bidirectional
        kind = LockedDropout if variational_dropout else nn.Dropout
        self.dropout = kind(dropout)
        self.input_dropout = kind(input_dropout)
        self.output_dropout = kind(output_dropout)
        self.final_dropout = nn.Dropout(output_dropout)
        self.word_dropout = WordDropout(word_dropout)
        types = getattr(embedding, "types", 0)
        if embedding_dropout and not types:
            raise ConfigError("encoder.embedding_dropout: the inputs are numbers, no tokens; say 0")
        self.type_dropout = TypeDropout(embedding_dropout, types) if embedding_dropout else None
        self.weight_dropout = weight_dropout
        size = int(embedding.output_size)  # type: ignore[arg-type]
        layers: list[Layer | Bidirectional] = []
        for depth in range(num_layers):
            made = cell
            if last_size is not None and depth == num_layers - 1:
                made = partial(cast("Callable[..., Layer]", cell), hidden_size=last_size)
            layers.append(Bidirectional(size, made) if bidirectional else made(size))
            if weight_dropout and not recurrent_weights(layers[-1]):
                raise ConfigError(
                    "encoder.weight_dropout: this cell's `gates` name no recurrent weights; say 0"
                )
            size = layers[-1].output_size
        self.layers = nn.ModuleList(layers)
        self.output_size = size

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
            words: Letters of the inputs, for an embedding that reads them.
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
        x = self.input_dropout(self.word_dropout(embedded))
        real = x.new_full(x.shape[:1], x.shape[1], dtype=torch.long) if lengths is None else lengths
        finals: list[Tensor] = []
        after: list[State] = []
        for depth, layer in enumerate(cast("Iterable[Layer | Bidirectional]", self.layers)):
            x = x if depth == 0 else self.dropout(x)
            with dropped_weights(layer, self.weight_dropout):
                if states is None or isinstance(layer, Bidirectional):
                    x = layer.outputs(x, lengths)
                else:
                    x, state = layer(x, lengths, states[depth] if states else None)
                    after.append(state)
            finals.append(layer.final(x, real))
        return Encoded(
            outputs=self.output_dropout(x),
            final=self.final_dropout(finals[-1]),
            layers=tuple(finals),
            lengths=real,
            states=tuple(after),
            raw=x,
        )
