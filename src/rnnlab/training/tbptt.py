"""Recurrent states that live longer than a batch."""

from collections.abc import Sequence
from typing import Any, cast

import torch

from rnnlab.data.batch import Batch
from rnnlab.layers.base import Layer, State
from rnnlab.nn.encoded import Encoded
from rnnlab.nn.encoder import Encoder
from rnnlab.training.processes import gather


class TruncatedBPTT:
    """Truncated backpropagation through time: states go on from batch to batch, gradients do not.

    What of a state goes on is the layer's choice, see `Layer.carry`.

    A stream's state is carried on wherever the data says that a batch continues the one before
    (`Batch.carry`), so it is reset at every epoch and split. Training and evaluation have
    states of their own: a validation in the middle of an epoch does not disturb the training.

    Attributes:
        restored: Whether the training's states are a checkpoint's, not yet gone on from.
    """

    def __init__(self) -> None:
        self.restored = False
        self._states: dict[bool, tuple[State, ...]] = {}

    def encode(self, encoder: Encoder, batch: Batch) -> Encoded:
        """Encode a batch; from the states of the one before where it continues that."""
        if batch.carry is None:
            encoded: Encoded = encoder(batch.inputs, batch.lengths, batch.words)
            return encoded
        mode = encoder.training
        before = self._states.get(mode, ()) if batch.carry else ()
        device = batch.inputs.device
        states = tuple(tuple(part.to(device) for part in state) for state in before)
        encoded = encoder(batch.inputs, None, batch.words, states)
        self.restored &= not mode
        layers = cast("Sequence[Layer]", encoder.layers)
        self._states[mode] = tuple(
            layer.carry(state) for layer, state in zip(layers, encoded.states, strict=True)
        )
        return encoded

    def state_dict(self) -> dict[str, Any]:
        """The training's states, for a checkpoint: those of every process."""
        states = self._states.get(True, ())
        mine = [[part.cpu() for part in state] for state in states]
        return {"processes": gather(mine) if states else [mine]}

    def load_state_dict(self, state_dict: dict[str, Any], rank: int = 0) -> None:
        """Continue from a checkpoint's states; from none where it has none for this process."""
        processes = state_dict["processes"]
        mine: list[list[torch.Tensor]] = processes[rank] if rank < len(processes) else []
        self._states = {True: tuple(tuple(part.detach() for part in state) for state in mine)}
        self.restored = bool(mine)
