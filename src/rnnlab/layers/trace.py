"""The record of one forward pass of a layer, for diagnostics."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from rnnlab.data.batch import valid_mask
from rnnlab.layers.heads import HeadValues


@dataclass(frozen=True, slots=True)
class Trace:
    """One forward pass of one layer and direction, in the order the layer read it.

    The tensors are copies, so that it stays true whatever is done with the originals.

    What a backward direction read is its reversed input, so step 0 is each sequence's last word.

    Attributes:
        inputs: As given, right padded (B, T, D); the padding may hold anything.
        lengths: Real steps of each sequence (B,); None where all are T.
        initial: The state before the first step, each part (B, ...).
        outputs: The layer's outputs (B, T, H), zero beyond the lengths.
        weights: The parameters that were used, by their names in the layer: others than its own
            where some are dropped. Where one is missing, it is the layer's.
    """

    inputs: Float[Tensor, "B T D"]
    lengths: Int[Tensor, "B"] | None
    initial: tuple[Tensor, ...]
    outputs: Float[Tensor, "B T H"]
    weights: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def valid(self) -> Bool[Tensor, "B T"]:
        """True on the real steps."""
        batch, steps = self.outputs.shape[:2]
        if self.lengths is None:
            return torch.ones(batch, steps, dtype=torch.bool, device=self.outputs.device)
        return valid_mask(self.lengths, steps)


Recorder = Callable[[Trace], None]
"""Called with the trace of a forward pass when the pass is done."""


@dataclass(frozen=True, slots=True)
class GateValues:
    """Gates and states at every step; values have no meaning where `valid` is False.

    Attributes:
        valid: True on the real steps.
        states: Each part of the state after each step (B, T, ...): h, and c of an LSTM.
        sigmoids: Gates in (0, 1), by their names in `Layer.gates`.
        tanhs: Gates and states in (-1, 1), by their names; an LSTM's tanh(c) is `state`.
        heads: Of an attention.
    """

    valid: Bool[Tensor, "B T"]
    states: tuple[Tensor, ...]
    sigmoids: Mapping[str, Float[Tensor, "B T H"]] = field(default_factory=dict)
    tanhs: Mapping[str, Float[Tensor, "B T H"]] = field(default_factory=dict)
    heads: HeadValues | None = None
