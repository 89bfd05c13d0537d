"""The feed-forward encoder: a sequence is pooled to one vector, which layers then transform."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import torch
from annotated_types import Ge, Le
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnlab.config.types import PositiveInt, Probability
from rnnlab.data.batch import valid_mask
from rnnlab.layers.base import CellFactory, Inputs, Lengths
from rnnlab.layers.inputs import WatchedInputs
from rnnlab.layers.padding import zero_padding
from rnnlab.nn.encoded import Encoded
from rnnlab.nn.encoder import Encoder

ACTIVATIONS: dict[str, type[nn.Module]] = {"relu": nn.ReLU, "gelu": nn.GELU, "tanh": nn.Tanh}
"""The module of each choice."""


class PooledLayers(WatchedInputs):
    """Pooling over the steps, then fully connected layers: one output for a whole sequence.

    Not a `Layer`, as it has no state; it has the methods that an encoder calls. Weights start as
    He et al. (2015) say, biases at zero.

    Args:
        input_size: Features D of a step's input.
        sizes: Features of each layer's output, first to last.
        pooling: `mean` or `max` of each feature over the real steps.
        activation: Made behind each layer.
        dropout: Applied behind each activation.

    Attributes:
        output_size: Features of the output.
    """

    def __init__(
        self,
        input_size: int,
        sizes: Sequence[int],
        *,
        pooling: Literal["mean", "max"],
        activation: type[nn.Module],
        dropout: float,
    ) -> None:
        super().__init__()
        self.pooling = pooling
        self.output_size = sizes[-1] if sizes else input_size
        self.layers = nn.Sequential()
        for before, after in zip([input_size, *sizes], sizes, strict=False):
            linear = nn.Linear(before, after)
            nn.init.kaiming_uniform_(linear.weight, nonlinearity="relu")
            nn.init.zeros_(linear.bias)
            self.layers.extend([linear, activation(), nn.Dropout(dropout)])

    def outputs(self, x: Inputs, lengths: Lengths = None) -> Float[Tensor, "B 1 H"]:
        """One output for all real steps of each sequence."""
        x = self.viewed()(x)
        if self.pooling == "max":
            if lengths is not None:
                real = valid_mask(lengths, x.shape[1]).unsqueeze(2)
                x = torch.where(real, x, float("-inf"))
            pooled = x.amax(dim=1)
        elif lengths is None:
            pooled = x.mean(dim=1)
        else:
            pooled = zero_padding(x, lengths).sum(dim=1) / lengths.unsqueeze(1).to(x.dtype)
        result: Tensor = self.layers(pooled).unsqueeze(1)
        return result

    def final(self, outputs: Float[Tensor, "B 1 H"], lengths: Int[Tensor, "B"]) -> Tensor:
        """The one output."""
        return outputs[:, 0]


class FeedForwardEncoder(Encoder):
    """A multilayer perceptron on the mean or the largest values of all steps (one to one).

    Of inputs with one step, such as a picture's pixels (`data=sequential_mnist data.flat=true`),
    these are the step itself. `Encoded` has one step. A label is read from it, and a decoder, whose
    layers are those of `cell`, starts from it. Tasks that need the steps refuse it.

    Args:
        embedding: See `Encoder`.
        cell: For a decoder and for `characters=recurrent`; nothing here remembers.
        hidden_size: Features of each fully connected layer.
        hidden_layers: Fully connected layers; 0: the pooled inputs are the output (Iyyer et al.
            2015 compare both).
        activation: Behind each layer.
        dropout: Probability of zeroing a feature behind each layer.
        pooling: How the steps become one vector, in front of the layers.
        **options: Those of `Encoder`.
    """

    keeps_steps = False

    def __init__(
        self,
        embedding: nn.Module,
        cell: CellFactory,
        *,
        hidden_size: PositiveInt = 256,
        hidden_layers: Annotated[int, Ge(0), Le(1000)] = 1,
        activation: Literal["relu", "gelu", "tanh"] = "relu",
        dropout: Probability = 0.0,
        pooling: Literal["mean", "max"] = "mean",
        **options: Any,
    ) -> None:
        super().__init__(embedding, cell, **options)
        layer = PooledLayers(
            self.input_size,
            [hidden_size] * hidden_layers,
            pooling=pooling,
            activation=ACTIVATIONS[activation],
            dropout=dropout,
        )
        self.stack([layer])

    def forward(self, *args: Any, **kwargs: Any) -> Encoded:
        """See `Encoder`; the result has one step."""
        encoded = super().forward(*args, **kwargs)
        return replace(encoded, lengths=torch.ones_like(encoded.lengths))
