"""From the end of an encoder to the start of a decoder."""

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnlab.layers.base import Layer, State


class Bridge(nn.Module):
    """Initial states of decoder layers from the final outputs of encoder layers.

    Each part of a state is tanh(W f + b) of its own W and b (Bahdanau et al. 2015, section A.2.2,
    for s_0; an LSTM's cell state is made likewise); f is the final output of the matching
    encoder layer, both directions where there are two. Layers match from the top: the last to
    the last. Decoder layers without a counterpart take the encoder's first.
    Number and sizes of the parts come from `Layer.initial_state`, so any recurrent cell fits.
    Layers without a `fixed_size_state` get none.

    Args:
        sizes: Output features of each encoder layer, first to last.
        layers: The decoder's layers, first to last.
    """

    def __init__(self, sizes: Sequence[int], layers: Sequence[Layer]) -> None:
        super().__init__()
        surplus = len(sizes) - len(layers)
        matching = [max(0, depth + surplus) for depth in range(len(layers))]
        self._sources: list[int] = []
        self._shapes: list[list[torch.Size]] = []
        self.parts = nn.ModuleList()
        for layer, source in zip(layers, matching, strict=True):
            if not layer.fixed_size_state:
                continue
            self._sources.append(source)
            shapes = [part.shape[1:] for part in layer.initial_state(1, torch.zeros(1, 1))]
            self._shapes.append(shapes)
            self.parts.append(
                nn.ModuleList(nn.Linear(sizes[source], math.prod(shape)) for shape in shapes)
            )
        for linear in self.modules():
            if isinstance(linear, nn.Linear):
                nn.init.xavier_uniform_(linear.weight)
                nn.init.zeros_(linear.bias)

    def forward(self, finals: Sequence[Float[Tensor, "B _"]]) -> list[State]:
        """What each recurrent decoder layer starts from; `finals` are `Encoded.layers`."""
        states = []
        for source, shapes, linears in zip(self._sources, self._shapes, self.parts, strict=True):
            assert isinstance(linears, nn.ModuleList)
            states.append(
                tuple(
                    torch.tanh(linear(finals[source])).reshape(-1, *shape)
                    for linear, shape in zip(linears, shapes, strict=True)
                )
            )
        return states
