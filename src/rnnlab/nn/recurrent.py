"""The recurrent encoder: a stack of layers of one cell, in one direction or both."""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, cast

from annotated_types import Ge, Le
from torch import nn

from rnnlab.config.types import PositiveInt, Probability
from rnnlab.layers.base import CellFactory, Layer
from rnnlab.layers.bidirectional import Bidirectional
from rnnlab.nn.encoder import Encoder


class RecurrentEncoder(Encoder):
    """Layers of the chosen cell, each on top of the outputs of the one before.

    Args:
        embedding: See `Encoder`.
        cell: See `Encoder`.
        num_layers: Layers of the stack.
        bidirectional: Read the sequence in both directions. Their outputs are concatenated, so that
            `output_size` is twice the cell's.
        dropout: Probability of zeroing an output of a layer that feeds another layer.
        weight_dropout: Probability of zeroing a recurrent weight, for a whole batch (DropConnect).
        last_size: Features of the last layer, in each direction; None for those of the others. It
            is given to the cell as its `hidden_size`.
        init_from: Checkpoint or run folder that training starts from. It is read by
            `rnnlab.training.pretrained` and changes nothing here.
        **options: Those of `Encoder`.

    Raises:
        ConfigError: `weight_dropout` of a cell that names no recurrent weights.
    """

    def __init__(
        self,
        embedding: nn.Module,
        cell: CellFactory,
        *,
        num_layers: Annotated[int, Ge(1), Le(1000)] = 1,
        bidirectional: bool = False,
        dropout: Probability = 0.0,
        weight_dropout: Probability = 0.0,
        last_size: PositiveInt | None = None,
        init_from: str | None = None,
        **options: Any,
    ) -> None:
        super().__init__(embedding, cell, **options)
        self.bidirectional = bidirectional
        self.dropout = self.dropout_of(dropout)
        self.weight_dropout = weight_dropout
        size = self.input_size
        layers: list[Layer | Bidirectional] = []
        for depth in range(num_layers):
            made = cell
            if last_size is not None and depth == num_layers - 1:
                made = partial(cast("Callable[..., Layer]", cell), hidden_size=last_size)
            layers.append(self.directions(size, made))
            size = layers[-1].output_size
        self.stack(layers)
