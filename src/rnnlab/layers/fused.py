"""What the layers around torch's own recurrent cells share."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import ClassVar, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnlab.errors import ConfigError
from rnnlab.layers.base import Layer, State
from rnnlab.layers.bptt.kernel import Watcher, run
from rnnlab.layers.padding import last_valid, zero_padding

Kernel = Literal["auto", "fused", "bptt", "scan"]
"""How a layer computes its steps; the weights are the same, and so are the results up to rounding.

`fused`: torch's own kernel, on padded input. `bptt`: `rnnlab.layers.bptt`, no work on padding.
`scan`: the loop over `step`, for second derivatives. `auto`: the fastest on the device at hand.
"""


def check_hidden_size(hidden_size: int) -> int:
    """The size itself; a ConfigError where no layer can have it."""
    if hidden_size < 1:
        raise ConfigError(f"cell.hidden_size: must be at least 1, not {hidden_size}")
    return hidden_size


class FusedLayer(Layer):
    """A layer that also is torch's own module, and has a choice of kernels.

    A subclass is made as `class LSTM(FusedLayer, nn.LSTM)`, so that its parameters carry torch's
    names, its state_dict loads both ways, and cuDNN's flat weight buffer is torch's own business.
    Kernels get the padded batch, never a PackedSequence: a one-way layer cannot see the padding
    behind a sequence, so masking its outputs and gathering the last valid one is exact.

    Attributes:
        gate_names: Gates in the order of their (H, .) blocks in torch's weights.
        cpu_kernel: The faster kernel on a CPU, as measured.
        kernel: The option, as given.
    """

    gate_names: ClassVar[tuple[str, ...]]
    cpu_kernel: ClassVar[Literal["fused", "bptt"]]
    kernel: Kernel
    hidden_size: int
    weight_ih_l0: nn.Parameter
    weight_hh_l0: nn.Parameter
    bias_ih_l0: nn.Parameter
    bias_hh_l0: nn.Parameter
    _watcher: Watcher | None = None

    @abstractmethod
    def native(
        self, x: Float[Tensor, "B T D"], state: State | None
    ) -> tuple[Float[Tensor, "B T H"], State]:
        """Torch's kernel over all T steps: outputs, and the state after the last."""

    @property
    @abstractmethod
    def bptt(self) -> Callable[..., tuple[Tensor, ...]]:
        """This cell's kernel of `rnnlab.layers.bptt`."""

    def chosen(self, device: torch.device) -> Kernel:
        """The kernel that runs on a device; never `auto`."""
        if self.kernel != "auto":
            return self.kernel
        return self.cpu_kernel if device.type == "cpu" else "fused"

    def engine(self, device: torch.device) -> str:
        """See `Layer.engine`."""
        reason = f"fastest on {device.type}" if self.kernel == "auto" else "set by cell.kernel"
        return f"{self.chosen(device)} ({reason})"

    @contextmanager
    def watch(self, watcher: Watcher) -> Iterator[None]:
        """Show dL/dh_t, the total gradient at every state (and dL/dc_t of an LSTM).

        Each forward pass inside of the `with` block calls `watcher` once, at the end of its
        backward pass, wherever that takes place. Results do not change.

        Raises:
            ConfigError: The kernel is not `bptt`: no other one has these gradients.
        """
        chosen = self.chosen(self.weight_hh_l0.device)
        if chosen != "bptt":
            raise ConfigError(f"cell.kernel: {chosen} does not show dL/dh_t; bptt does")
        before, self._watcher = self._watcher, watcher
        try:
            yield
        finally:
            self._watcher = before

    def initial_state(self, batch_size: int, like: Tensor) -> State:
        """Zeros (B, H), of `like`'s device and dtype."""
        return (like.new_zeros(batch_size, self.hidden_size),)

    def gates(self) -> Mapping[str, tuple[str, slice]]:
        """Where each gate's weights are; see `Layer.gates`.

        Of torch's two bias vectors the recurrent one is named: both get the same gradient, but
        for the GRU's new gate, where the recurrent one is inside the reset gate's product.
        """
        kernels = {"input": "weight_ih_l0", "recurrent": "weight_hh_l0", "bias": "bias_hh_l0"}
        return {
            f"{kernel}/{gate}": (parameter, self.rows(gate))
            for kernel, parameter in kernels.items()
            for gate in self.gate_names
        }

    def rows(self, gate: str) -> slice:
        """A gate's rows in every weight and bias."""
        start = self.gate_names.index(gate) * self.hidden_size
        return slice(start, start + self.hidden_size)

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        lengths: Int[Tensor, "B"] | None = None,
        state: State | None = None,
    ) -> tuple[Float[Tensor, "B T H"], State]:
        """See `Layer.forward`."""
        chosen = self.chosen(x.device)
        if chosen == "scan":
            return Layer.forward(self, x, lengths, state)
        if chosen == "fused":
            return self.fused(x, lengths, state)
        weights = (self.weight_ih_l0, self.weight_hh_l0, self.bias_ih_l0, self.bias_hh_l0)
        start = self.initial_state(x.shape[0], x) if state is None else state
        return run(self.bptt, x, lengths, start, weights, self._watcher)

    def fused(
        self,
        x: Float[Tensor, "B T D"],
        lengths: Int[Tensor, "B"] | None,
        state: State | None,
    ) -> tuple[Float[Tensor, "B T H"], State]:
        """`forward` by torch's kernel; here for a state that is the output."""
        if lengths is None:
            return self.native(x, state)
        outputs = zero_padding(self.native(zero_padding(x, lengths), state)[0], lengths)
        return outputs, (last_valid(outputs, lengths),)

    def outputs(
        self, x: Float[Tensor, "B T D"], lengths: Int[Tensor, "B"] | None = None
    ) -> Float[Tensor, "B T H"]:
        """`forward`'s outputs alone: of torch's kernel without a final state."""
        if self.chosen(x.device) != "fused":
            return self.forward(x, lengths)[0]
        return zero_padding(self.native(zero_padding(x, lengths), None)[0], lengths)


def to_torch(part: Tensor) -> Tensor:
    """A part of a state as torch's kernels take it: (B, H) -> (1, B, H), contiguous for cuDNN."""
    return part.unsqueeze(0).contiguous()
