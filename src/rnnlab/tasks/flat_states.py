"""The states of all layers of an encoder as one tuple, as search and export carry them."""

from collections.abc import Sequence
from itertools import chain, islice

from jaxtyping import Float, Int
from torch import Tensor

from rnnlab.layers.base import State
from rnnlab.nn.encoder import Encoder


class FlatStates:
    """An encoder that goes on from states, which are one tuple: first layer to last.

    Args:
        encoder: Reads left to right.
        states: Of each layer, to go on from.

    Attributes:
        start: The states in one tuple.
    """

    def __init__(self, encoder: Encoder, states: Sequence[State]) -> None:
        self.encoder = encoder
        self.start: State = tuple(chain.from_iterable(states))
        self._counts = [len(state) for state in states]

    def outputs(
        self, tokens: Int[Tensor, "B T"], state: State
    ) -> tuple[Float[Tensor, "B T H"], State]:
        """The encoder's outputs for the next tokens, and its states after them."""
        parts = iter(state)
        before = tuple(tuple(islice(parts, count)) for count in self._counts)
        encoded = self.encoder(tokens, None, None, before)
        return encoded.outputs, tuple(chain.from_iterable(encoded.states))


def initial_states(encoder: Encoder, rows: int, like: Tensor) -> list[State]:
    """The states of all layers before the first step."""
    return [layer.initial_state(rows, like) for layer in encoder.layers]  # type: ignore[operator]
