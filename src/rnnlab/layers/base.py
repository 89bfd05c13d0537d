"""The contract of a recurrent layer: one layer, one direction."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

import torch
from jaxtyping import Float, Int
from torch import Tensor

from rnnlab.data.batch import valid_mask
from rnnlab.layers.observe import Observable
from rnnlab.layers.padding import last_valid, zero_padding

State = tuple[Tensor, ...]
"""The recurrent state, each part (B, ...): search reorders it without knowing the cell."""


class Layer(Observable, ABC):
    """A recurrent layer that reads a batch left to right.

    A subclass defines `step`; it may define a faster `forward` (and `outputs`), which tests hold
    equal to the scan of `step` below. Its constructor takes `input_size` as the only positional
    parameter; keyword-only parameters are the options that YAML may set. Diagnostics look at it by
    `watch`, `record` and `gate_values`.

    Attributes:
        input_size: Features D of a step's input.
        output_size: Features H of a step's output.
    """

    input_size: int
    output_size: int

    @abstractmethod
    def initial_state(self, batch_size: int, like: Tensor) -> State:
        """The state before the first step: zeros, of `like`'s device and dtype."""

    @abstractmethod
    def step(self, x: Float[Tensor, "B D"], state: State) -> tuple[Float[Tensor, "B H"], State]:
        """One step in plain tensor operations: the output and the next state."""

    @abstractmethod
    def gates(self) -> Mapping[str, tuple[str, slice]]:
        """Where each gate's weights are: "kernel/gate" -> (name of the parameter, its rows).

        The kernel is `input`, `recurrent` or `bias`. Diagnostics use it to report gradients
        gate by gate; rows of different entries must not overlap.
        """

    def engine(self, device: torch.device) -> str:
        """What computes `forward` on a device, and why, in a few words for the user."""
        return "scan" if type(self).forward is Layer.forward else f"{type(self).__name__}'s own"

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        lengths: Int[Tensor, "B"] | None = None,
        state: State | None = None,
    ) -> tuple[Float[Tensor, "B T H"], State]:
        """All outputs, zero beyond `lengths`, and the state after each last valid step.

        Args:
            x: Inputs, right padded; what stands in the padding has no influence.
            lengths: Real steps of each sequence, at least 1; None where all are T.
            state: State to start from; None for `initial_state`.
        """
        return self.scan(x, lengths, state)

    def scan(
        self,
        x: Float[Tensor, "B T D"],
        lengths: Int[Tensor, "B"] | None = None,
        state: State | None = None,
        see: Callable[[State], None] | None = None,
    ) -> tuple[Float[Tensor, "B T H"], State]:
        """The loop over `step`; `see` is shown the state after each, before padding is masked."""
        x = zero_padding(x, lengths)  # a masked NaN would still give NaN gradients
        state = self.initial_state(x.shape[0], x) if state is None else state
        valid = None if lengths is None else valid_mask(lengths, x.shape[1])
        outputs = []
        for t in range(x.shape[1]):
            output, proposed = self.step(x[:, t], state)
            if see is not None:
                see(proposed)
            if valid is None:
                state = proposed
            else:
                now = valid[:, t]
                output = torch.where(now.unsqueeze(1), output, 0.0)
                state = tuple(
                    torch.where(now.view(-1, *[1] * (new.dim() - 1)), new, old)
                    for new, old in zip(proposed, state, strict=True)
                )
            outputs.append(output)
        return torch.stack(outputs, dim=1), state

    def outputs(
        self, x: Float[Tensor, "B T D"], lengths: Int[Tensor, "B"] | None = None
    ) -> Float[Tensor, "B T H"]:
        """`forward`'s outputs alone: what a stack of layers needs, and nothing else computed.

        Args:
            x: Inputs, right padded with finite numbers; which ones has no influence.
            lengths: See `forward`.
        """
        return self.forward(x, lengths)[0]

    def final(
        self, outputs: Float[Tensor, "B T H"], lengths: Int[Tensor, "B"]
    ) -> Float[Tensor, "B H"]:
        """Of `outputs`, those after each whole sequence was read."""
        return last_valid(outputs, lengths)


CellFactory = Callable[[int], Layer]
"""Makes a layer for a number of input features; the `cell` group of the configuration."""
