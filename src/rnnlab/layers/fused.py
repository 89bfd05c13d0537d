"""What the layers around torch's own recurrent cells share."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from rnnlab.layers import ghost
from rnnlab.layers.base import Layer, State
from rnnlab.layers.bptt.kernel import run
from rnnlab.layers.padding import last_valid, zero_padding
from rnnlab.layers.shift import before
from rnnlab.layers.trace import Trace
from rnnlab.layers.watch import Watcher

Kernel = Literal["auto", "fused", "bptt", "scan"]
"""How a layer computes its steps; the weights are the same, and so are the results up to rounding.

`fused`: torch's own kernel, on padded input. `bptt`: `rnnlab.layers.bptt`, no work on padding.
`scan`: the loop over `step`, for second derivatives. `auto`: the fastest on the device at hand.
"""


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

    @abstractmethod
    def run_kernel(
        self, x: Float[Tensor, "B T E"], state: State, weights: list[Tensor]
    ) -> tuple[Float[Tensor, "B T H"], State]:
        """Torch's kernel with other weights: outputs, and the state after the last step."""

    @abstractmethod
    def ghost_block(self) -> Float[Tensor, "G K"]:
        """See `rnnlab.layers.ghost`."""

    @abstractmethod
    def total_gradients(
        self,
        trace: Trace,
        direct: Float[Tensor, "B T H"],
        ghost: Float[Tensor, "B T K"],
        final: tuple[Tensor | None, ...],
    ) -> tuple[Float[Tensor, "B T H"], ...]:
        """See `rnnlab.layers.ghost`."""

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
        return self._bptt(None, x, lengths, state)

    def watched(
        self,
        watcher: Watcher,
        x: Float[Tensor, "B T D"],
        lengths: Int[Tensor, "B"] | None,
        state: State | None,
        *,
        final: bool,
    ) -> tuple[Float[Tensor, "B T H"], State]:
        """See `Observable.watched`; each kernel has its own way."""
        chosen = self.chosen(x.device)
        if chosen == "scan":
            return super().watched(watcher, x, lengths, state, final=final)
        if chosen == "bptt":
            return self._bptt(watcher, x, lengths, state)
        start = self.initial_state(x.shape[0], x) if state is None else state
        return ghost.run(self, watcher, x, lengths, start, final=final)

    def _bptt(
        self, watcher: Watcher | None, x: Tensor, lengths: Tensor | None, state: State | None
    ) -> tuple[Tensor, State]:
        weights = (self.weight_ih_l0, self.weight_hh_l0, self.bias_ih_l0, self.bias_hh_l0)
        start = self.initial_state(x.shape[0], x) if state is None else state
        return run(self.bptt, x, lengths, start, weights, watcher)

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
        """`forward`'s outputs alone: of torch's kernel without a final state.

        The kernel reads the padding, which here has to be finite, as an encoder's is: `forward`
        cleans it first, at the price of one more pass over the inputs.
        """
        if self.chosen(x.device) != "fused":
            return self.forward(x, lengths)[0]
        return zero_padding(self.native(x, None)[0], lengths)

    @property
    def call(self) -> dict[str, Any]:
        """How torch's kernels are called, beside inputs, states and weights."""
        return {
            "has_biases": True,
            "num_layers": 1,
            "dropout": 0.0,
            # without dropout it says only whether there may be a backward pass
            "train": self.training or torch.is_grad_enabled(),
            "bidirectional": False,
            "batch_first": True,
        }

    def kernel_inputs(
        self, x: Float[Tensor, "B T D"], lengths: Int[Tensor, "B"] | None
    ) -> tuple[Float[Tensor, "B T E"], Float[Tensor, "G K"]]:
        """What torch's kernel reads so that final states are right, and the weights for more."""
        return x, self.weight_ih_l0.new_zeros(len(self.weight_ih_l0), 0)

    def widened(self, columns: Float[Tensor, "G K"]) -> list[Tensor]:
        """The weights, with more input columns; slices of one buffer, as cuDNN wants them."""
        weight_ih = torch.cat([self.weight_ih_l0, columns], dim=1)
        parts = [weight_ih, self.weight_hh_l0, self.bias_ih_l0, self.bias_hh_l0]
        buffer = torch.cat([part.reshape(-1) for part in parts])
        slices = torch.split_with_sizes(buffer, [part.numel() for part in parts])
        return [piece.view_as(part) for piece, part in zip(slices, parts, strict=True)]

    def products(self, trace: Trace) -> tuple[Float[Tensor, "B T G"], Float[Tensor, "B T G"]]:
        """Of all steps of a forward pass, what input and state add to the gates, with biases."""
        with torch.autocast(trace.inputs.device.type, enabled=False):
            inputs, states = self._read(trace)
            return (
                functional.linear(inputs, self.weight_ih_l0, self.bias_ih_l0),
                functional.linear(states, self.weight_hh_l0, self.bias_hh_l0),
            )

    def sums(self, trace: Trace) -> Float[Tensor, "B T G"]:
        """Both of `products` together."""
        with torch.autocast(trace.inputs.device.type, enabled=False):
            inputs, states = self._read(trace)
            bias = self.bias_ih_l0 + self.bias_hh_l0
            flat = torch.addmm(bias, inputs.flatten(0, 1), self.weight_ih_l0.t())
            flat.addmm_(states.flatten(0, 1), self.weight_hh_l0.t())
            return flat.view(*states.shape[:2], -1)

    def _read(self, trace: Trace) -> tuple[Tensor, Tensor]:
        inputs, outputs, initial = self.precise(trace.inputs, trace.outputs, trace.initial[0])
        return zero_padding(inputs, trace.lengths), before(outputs, initial)


def to_torch(part: Tensor) -> Tensor:
    """A part of a state as torch's kernels take it: (B, H) -> (1, B, H), contiguous for cuDNN."""
    return part.unsqueeze(0).contiguous()
