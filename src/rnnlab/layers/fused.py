"""The base class of layers that are torch's own recurrent cells."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from rnnlab.config.types import PositiveInt
from rnnlab.layers.base import State
from rnnlab.layers.bptt.kernel import run
from rnnlab.layers.ghost import GhostInputLayer
from rnnlab.layers.init import Init, orthogonal_
from rnnlab.layers.padding import last_valid, zero_padding
from rnnlab.layers.shift import before
from rnnlab.layers.trace import Trace
from rnnlab.layers.watch import Watcher

Kernel = Literal["auto", "fused", "bptt", "scan"]
"""How a layer computes its steps; the weights are the same, and so are the results up to rounding.

`fused`: torch's own kernel, on padded input. `bptt`: `rnnlab.layers.bptt`, no work on padding.
`scan`: the loop over `step`, for second derivatives. `auto`: the fastest on the device at hand.
"""


WEIGHTS = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
"""Names of the parameters, in the order in which torch's kernels take them."""


class FusedLayer(GhostInputLayer):
    """A layer that also is torch's own module, and has a choice of kernels.

    A subclass is made as `class LSTM(FusedLayer, nn.LSTM)`, so that its parameters carry torch's
    names, its state_dict loads both ways, and torch keeps cuDNN's flat weight buffer.
    Kernels get the padded batch, never a PackedSequence: a one-way layer cannot see the padding
    behind a sequence, so masking its outputs and gathering the last valid one is exact.

    Args:
        input_size: Features D of a step's input.
        hidden_size: Features of the output and of each part of the state.
        init: How the weights start: each gate's recurrent matrix orthogonal, or as in torch.
        kernel: What computes the steps: same results, other speed. `auto` is the fastest on the
            device, `fused` torch's own, `bptt` ours, `scan` a loop that has second derivatives.

    Attributes:
        gate_names: Gates in the order of their (H, .) blocks in torch's weights.
        cpu_kernel: The faster kernel on a CPU, as measured.
    """

    gate_names: ClassVar[tuple[str, ...]]
    cpu_kernel: ClassVar[Literal["fused", "bptt"]]
    hidden_size: int
    weight_ih_l0: nn.Parameter
    bias_ih_l0: nn.Parameter
    bias_hh_l0: nn.Parameter

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: PositiveInt = 128,
        init: Init = "orthogonal",
        kernel: Kernel = "auto",
    ) -> None:
        super().__init__(input_size, hidden_size, batch_first=True)
        self.kernel: Kernel = kernel
        self.output_size = hidden_size
        if init == "orthogonal":
            orthogonal_(self.weights)

    @property
    def weights(self) -> list[Tensor]:
        """The parameters named by `WEIGHTS`."""
        return [getattr(self, name) for name in WEIGHTS]

    @property
    @abstractmethod
    def bptt(self) -> Callable[..., tuple[Tensor, ...]]:
        """This cell's kernel of `rnnlab.layers.bptt`."""

    def kernel_on(self, device: torch.device) -> Kernel:
        """The kernel that runs on a device; never `auto`."""
        if self.kernel != "auto":
            return self.kernel
        return self.cpu_kernel if device.type == "cpu" else "fused"

    def engine(self, device: torch.device) -> str:
        """See `Layer.engine`."""
        reason = f"fastest on {device.type}" if self.kernel == "auto" else "set by cell.kernel"
        return f"{self.kernel_on(device)} ({reason})"

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

    @torch.no_grad()
    def set_bias(self, gate: str, total: float | Tensor) -> None:
        """Set a gate's bias, (H,) or one for all units; of torch's two vectors one gets zero."""
        self.bias_ih_l0[self.rows(gate)] = total
        self.bias_hh_l0[self.rows(gate)] = 0.0

    def forward(
        self,
        x: Float[Tensor, "B T D"],
        lengths: Int[Tensor, "B"] | None = None,
        state: State | None = None,
    ) -> tuple[Float[Tensor, "B T H"], State]:
        """See `Layer.forward`."""
        kernel = self.kernel_on(x.device)
        if kernel == "scan":
            return self.scan(x, lengths, state)
        start = self.initial_state(x.shape[0], x) if state is None else state
        if kernel == "bptt":
            return self._run_bptt(None, x, lengths, start)
        if lengths is None:
            return self.run_kernel(x, start, self.weights)
        inputs, columns = self.kernel_inputs(zero_padding(x, lengths), lengths)
        raw, after = self.run_kernel(inputs, start, self.widened(columns))
        outputs = zero_padding(raw, lengths)
        return outputs, (last_valid(outputs, lengths), *after[1:])

    def forward_outputs(
        self, x: Float[Tensor, "B T D"], lengths: Int[Tensor, "B"] | None = None
    ) -> Float[Tensor, "B T H"]:
        """See `Layer.forward_outputs`: of torch's kernel without a final state.

        The kernel reads the padding, which has to be finite here, as an encoder's is: `forward`
        cleans it first, at the price of one more pass over the inputs.
        """
        if self.kernel_on(x.device) != "fused":
            return self.forward(x, lengths)[0]
        start = self.initial_state(x.shape[0], x)
        return zero_padding(self.run_kernel(x, start, self.weights)[0], lengths)

    def watched(
        self,
        watcher: Watcher,
        x: Float[Tensor, "B T D"],
        lengths: Int[Tensor, "B"] | None,
        state: State | None,
        *,
        outputs_only: bool,
    ) -> tuple[Float[Tensor, "B T H"], State]:
        """See `Layer.watched`; each kernel has its own way."""
        kernel = self.kernel_on(x.device)
        if kernel == "scan":
            return super().watched(watcher, x, lengths, state, outputs_only=outputs_only)
        start = self.initial_state(x.shape[0], x) if state is None else state
        if kernel == "bptt":
            return self._run_bptt(watcher, x, lengths, start)
        return self.watched_kernel(watcher, x, lengths, start, outputs_only=outputs_only)

    def _run_bptt(
        self, watcher: Watcher | None, x: Tensor, lengths: Tensor | None, state: State
    ) -> tuple[Tensor, State]:
        return run(self.bptt, x, lengths, state, self.weights, watcher)

    @property
    def call(self) -> dict[str, Any]:
        """How torch's kernels are called, beside inputs, states and weights."""
        return {
            "has_biases": True,
            "num_layers": 1,
            "dropout": 0.0,
            # without dropout it only says whether there may be a backward pass
            "train": self.training or torch.is_grad_enabled(),
            "bidirectional": False,
            "batch_first": True,
        }

    def kernel_inputs(
        self, x: Float[Tensor, "B T D"], lengths: Int[Tensor, "B"] | None
    ) -> tuple[Float[Tensor, "B T E"], Float[Tensor, "G K"]]:
        """See `GhostInputLayer.kernel_inputs`: nothing more, where the state is the output."""
        return x, self.weight_ih_l0.new_zeros(len(self.weight_ih_l0), 0)

    def widened(self, columns: Float[Tensor, "G K"]) -> list[Tensor]:
        """See `GhostInputLayer.widened`."""
        if not columns.shape[1]:
            return self.weights
        weight_ih, *others = self.weights
        return in_one_buffer([torch.cat([weight_ih, columns], dim=1), *others])

    def products(self, trace: Trace) -> tuple[Float[Tensor, "B T G"], Float[Tensor, "B T G"]]:
        """What inputs and states add to the gates at all steps of a forward pass, with biases."""
        with torch.autocast(trace.inputs.device.type, enabled=False):
            inputs, states = self._read(trace)
            return (
                functional.linear(inputs, self.weight_ih_l0, self.bias_ih_l0),
                functional.linear(states, self.weight_hh_l0, self.bias_hh_l0),
            )

    def sums(self, trace: Trace) -> Float[Tensor, "B T G"]:
        """The sum of both `products`."""
        with torch.autocast(trace.inputs.device.type, enabled=False):
            inputs, states = self._read(trace)
            bias = self.bias_ih_l0 + self.bias_hh_l0
            flat = torch.addmm(bias, inputs.flatten(0, 1), self.weight_ih_l0.t())
            flat.addmm_(states.flatten(0, 1), self.weight_hh_l0.t())
            return flat.view(*states.shape[:2], -1)

    def _read(self, trace: Trace) -> tuple[Tensor, Tensor]:
        inputs, outputs, initial = self.to_weight_dtype(
            trace.inputs, trace.outputs, trace.initial[0]
        )
        return zero_padding(inputs, trace.lengths), before(outputs, initial)


def to_torch(part: Tensor) -> Tensor:
    """A part of a state as torch's kernels take it: (B, H) -> (1, B, H), contiguous for cuDNN."""
    return part.unsqueeze(0).contiguous()


def in_one_buffer(parts: Sequence[Tensor]) -> list[Tensor]:
    """Copies of the tensors that are slices of one buffer, as cuDNN wants its weights."""
    buffer = torch.cat([part.reshape(-1) for part in parts])
    slices = torch.split_with_sizes(buffer, [part.numel() for part in parts])
    return [piece.view_as(part) for piece, part in zip(slices, parts, strict=True)]
