"""What an encoder makes of a batch."""

from dataclasses import dataclass

from jaxtyping import Float, Int
from torch import Tensor

from rnnlab.data.batch import valid_mask
from rnnlab.layers.base import State


@dataclass(frozen=True, slots=True)
class Encoded:
    """What an encoder makes of a batch.

    Attributes:
        outputs: Last layer's outputs (B, T, O), zero beyond `lengths`.
        final: Its outputs after each whole sequence was read (B, O): at the last valid step of
            the forward direction, at the first step of the backward one.
        layers: The same for every layer, first to last, each (B, its own features).
        lengths: Real steps of each sequence (B,); fewer than the input's with `subsampling`.
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
