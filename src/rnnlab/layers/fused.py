"""The base class of layers that are torch's own recurrent cells."""

from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from rnnlab.config.types import PositiveInt
from rnnlab.layers.base import Inputs, Lengths, Outputs, Result, State
from rnnlab.layers.bptt.kernel import run
from rnnlab.layers.exported import OnnxOperator, onnx_layer
from rnnlab.layers.ghost import WEIGHTS, GhostInputLayer
from rnnlab.layers.init import Init, orthogonal_
from rnnlab.layers.padding import last_valid, zero_padding
from rnnlab.layers.parameters import replaced_parameters
from rnnlab.layers.precision import DTYPES, GradientScale, Precision, is_autocast, without_autocast
from rnnlab.layers.shift import before
from rnnlab.layers.trace import Trace
from rnnlab.layers.watch import Watcher

Kernel = Literal["auto", "fused", "bptt", "scan"]
"""How a layer computes its steps; the weights are the same, and so are the results up to rounding.

`fused`: torch's own kernel, on padded input. `bptt`: `rnnlab.layers.bptt`, no work on padding.
`scan`: the loop over `step`, for second derivatives. `auto`: the fastest on the device at hand.
"""


class FusedLayer(GhostInputLayer):
    """A layer that also is torch's own module, and has a choice of kernels.

    A subclass is made as `class LSTM(FusedLayer, nn.LSTM)`, so that its parameters carry torch's
    names, its state_dict loads both ways, and torch keeps cuDNN's flat weight buffer.
    Kernels get the padded batch, never a PackedSequence: a one-way layer cannot see the padding
    behind a sequence, so masking its outputs and gathering the last valid one is exact.

    Under autocast a sequence is computed in the layer's own precision all the same: cuDNN would
    take float16, whatever autocast says, where most of dL/dh_t of a mean loss is zero or
    subnormal. Single steps follow autocast.

    Args:
        input_size: Features D of a step's input.
        hidden_size: Features of the output and of each part of the state.
        init: How the weights start: each gate's recurrent matrix orthogonal, or as in torch.
        kernel: What computes the steps: same results, other speed. `auto` is the fastest on the
            device, `fused` torch's own, `bptt` ours, `scan` a loop that has second derivatives.
        precision: In what sequences are computed, whatever `trainer.precision`. `auto` is that of
            the weights, float32; bf16 and fp16 are meant for a GPU, and gradients are coarser, see
            docs/gpu.md. With fp16 gradients are scaled by an exact power of two within the layer.

    Attributes:
        gate_names: Gates in the order of their (H, .) blocks in torch's weights.
        cpu_kernel: The faster kernel on a CPU, as measured.
    """

    gate_names: ClassVar[tuple[str, ...]]
    cpu_kernel: ClassVar[Literal["fused", "bptt"]]
    hidden_size: int
    bias_ih_l0: nn.Parameter
    bias_hh_l0: nn.Parameter

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: PositiveInt = 128,
        init: Init = "orthogonal",
        kernel: Kernel = "auto",
        precision: Precision = "auto",
    ) -> None:
        super().__init__(input_size, hidden_size, batch_first=True)
        self.kernel: Kernel = kernel
        self.precision: Precision = precision
        self.output_size = hidden_size
        if init == "orthogonal":
            orthogonal_(self.weights)

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

    def computes_in(self, lower: torch.dtype) -> torch.dtype:
        """See `Layer.computes_in`: the layer's own dtype, whatever is the lower one."""
        return self.sequence_dtype

    @property
    def sequence_dtype(self) -> torch.dtype:
        """The dtype in which sequences are computed."""
        return DTYPES.get(self.precision, self.weight_hh_l0.dtype)

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

    def forward(self, x: Inputs, lengths: Lengths = None, state: State | None = None) -> Result:
        """See `Layer.forward`."""
        if self._must_cast(x.device):
            return self._cast(lambda x, state: self.forward(x, lengths, state), x, state)
        kernel = self.kernel_on(x.device)
        if kernel == "scan":
            return self.scan(x, lengths, state)
        start = self.initial_state(x.shape[0], x) if state is None else state
        if kernel == "bptt":
            return run(self.bptt, x, lengths, start, self.weights)
        if lengths is None:
            return self.run_kernel(x, start, self.kernel_weights())
        inputs, columns = self.kernel_inputs(zero_padding(x, lengths), lengths)
        raw, after = self.run_kernel(inputs, start, self.kernel_weights(columns))
        outputs = zero_padding(raw, lengths)
        return outputs, (last_valid(outputs, lengths), *after[1:])

    @property
    @abstractmethod
    def onnx(self) -> OnnxOperator:
        """The cell in ONNX."""

    def exported(self, x: Inputs, lengths: Lengths, state: State) -> Result:
        """See `Layer.exported`: in ONNX its own operator."""
        if torch.onnx.is_in_onnx_export():
            return onnx_layer(self.onnx, self.weights, x, lengths, state)
        return super().exported(x, lengths, state)

    def forward_outputs(self, x: Inputs, lengths: Lengths = None) -> Outputs:
        """See `Layer.forward_outputs`: of torch's kernel without a final state.

        The kernel reads the padding, which has to be finite here, as an encoder's is: `forward`
        cleans it first, at the price of one more pass over the inputs.
        """
        if self.kernel_on(x.device) != "fused":
            return self.forward(x, lengths)[0]
        if self._must_cast(x.device):
            return self._cast(lambda x, _: (self.forward_outputs(x, lengths), ()), x, None)[0]
        start = self.initial_state(x.shape[0], x)
        return zero_padding(self.run_kernel(x, start, self.kernel_weights())[0], lengths)

    def watched(
        self, watcher: Watcher, x: Inputs, lengths: Lengths, state: State, *, outputs_only: bool
    ) -> Result:
        """See `Layer.watched`; each kernel has its own way."""
        if self._must_cast(x.device):
            scale = self._scale(x)
            shown = watcher if scale is None else scale.watcher(watcher)

            def watched(x: Inputs, state: State) -> Result:
                return self.watched(shown, x, lengths, state, outputs_only=outputs_only)

            return self._cast(watched, x, state, scale)
        kernel = self.kernel_on(x.device)
        if kernel == "scan":
            return super().watched(watcher, x, lengths, state, outputs_only=outputs_only)
        if kernel == "bptt":
            return run(self.bptt, x, lengths, state, self.weights, watcher)
        return self.watched_kernel(watcher, x, lengths, state, outputs_only=outputs_only)

    def products(self, trace: Trace) -> tuple[Float[Tensor, "B T G"], Float[Tensor, "B T G"]]:
        """What inputs and states add to the gates at all steps of a forward pass, with biases."""
        with torch.autocast(trace.inputs.device.type, enabled=False):
            inputs, outputs, initial = self.to_weight_dtype(
                trace.inputs, trace.outputs, trace.initial[0]
            )
            inputs, states = zero_padding(inputs, trace.lengths), before(outputs, initial)
            return (
                functional.linear(inputs, self.weight_ih_l0, self.bias_ih_l0),
                functional.linear(states, self.weight_hh_l0, self.bias_hh_l0),
            )

    def _must_cast(self, device: torch.device) -> bool:
        """Whether autocast is on, or the layer's own dtype another than its weights'."""
        return is_autocast(device) or self.sequence_dtype != self.weight_hh_l0.dtype

    def _scale(self, x: Inputs) -> GradientScale | None:
        needed = self.sequence_dtype == torch.float16 != self.weight_hh_l0.dtype
        return GradientScale(x.shape[0] * x.shape[1]) if needed else None

    def _cast(
        self,
        run: Callable[[Inputs, State], Result],
        x: Inputs,
        state: State | None,
        scale: GradientScale | None = None,
    ) -> Result:
        """What `run` gives in the layer's own dtype, without autocast, in that of the weights.

        Args:
            run: From inputs and state, in the dtype that the layer's weights have meanwhile.
            x: Inputs.
            state: State to start from; None for `initial_state`.
            scale: Of gradients in float16, if not a new one.
        """
        state = self.initial_state(x.shape[0], x) if state is None else state
        with without_autocast(x.device):
            tensors: Sequence[Tensor] = self.to_weight_dtype(x, *state)
            if not self._must_cast(x.device):
                return run(tensors[0], tuple(tensors[1:]))
            scale = self._scale(x) if scale is None else scale
            tensors = [*tensors, *self.weights]
            tensors = tensors if scale is None else scale.enter(tensors)
            x, *rest = [tensor.to(self.sequence_dtype) for tensor in tensors]
            count = len(state)
            with replaced_parameters(self, dict(zip(WEIGHTS, rest[count:], strict=True))):
                outputs, after = run(x, tuple(rest[:count]))
            results: Sequence[Tensor] = self.to_weight_dtype(outputs, *after)
            outputs, *after_parts = results if scale is None else scale.leave(results)
            return outputs, tuple(after_parts)
