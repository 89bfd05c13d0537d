"""The plain recurrent layer."""

from collections.abc import Callable
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from rnnlab.config.types import PositiveFloat
from rnnlab.layers.base import Inputs, Outputs, Result, State
from rnnlab.layers.bptt.rnn import relu_rnn, tanh_rnn
from rnnlab.layers.exported import OnnxOperator
from rnnlab.layers.fused import FusedLayer
from rnnlab.layers.ghost import Ghost, to_torch
from rnnlab.layers.shift import add_following_
from rnnlab.layers.trace import GateValues, Trace


class RNN(FusedLayer, nn.RNN):  # type: ignore[misc]  # forward is the contract's, not torch's
    """Elman's network (1990): h' = f(W_ih x + b_ih + W_hh h + b_hh).

    Args:
        input_size: Features D of a step's input.
        nonlinearity: The activation function f.
        recurrent_gain: Factor on the recurrent matrix at the start. With `init=orthogonal` it is
            the modulus of every eigenvalue: while f is nearly linear, a gradient grows on its way
            back where it is above 1, and shrinks where it is below.

    Example:
        >>> import torch
        >>> from rnnlab.layers.rnn import RNN
        >>> rnn = RNN(3, hidden_size=8, init="orthogonal", recurrent_gain=1.1)
        >>> torch.linalg.eigvals(rnn.weight_hh_l0).abs().allclose(torch.tensor(1.1))
        True
    """

    gate_names: ClassVar[tuple[str, ...]] = ("hidden",)
    cpu_kernel: ClassVar[Literal["fused", "bptt"]] = "bptt"

    def __init__(
        self,
        input_size: int,
        *,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
        recurrent_gain: PositiveFloat = 1.0,
        **options: Any,
    ) -> None:
        super().__init__(input_size, **options)
        self.nonlinearity = nonlinearity
        self.mode = f"RNN_{nonlinearity.upper()}"  # what torch reads
        with torch.no_grad():
            self.weight_hh_l0.mul_(recurrent_gain)

    def run_kernel(self, x: Inputs, state: State, weights: list[Tensor]) -> Result:
        """See `GhostInputLayer.run_kernel`."""
        kernel = torch.rnn_tanh if self.nonlinearity == "tanh" else torch.rnn_relu
        outputs, hidden = kernel(x, to_torch(state[0]), weights, **self.call)
        return outputs, (hidden[0],)

    def total_gradients(
        self, trace: Trace, direct: Outputs, ghost: Ghost, final: tuple[Tensor | None, ...]
    ) -> tuple[Outputs, ...]:
        """dL/dh_t = direct_t + delta_{t+1} W_hh."""
        return (add_following_(direct.clone(), ghost),)

    @torch.no_grad()
    def compute_gate_values(self, trace: Trace) -> GateValues:
        """See `Layer.compute_gate_values`; the state itself is what a tanh bounds."""
        (hidden,) = self.to_weight_dtype(trace.outputs)
        bounded = {"hidden": hidden} if self.nonlinearity == "tanh" else {}
        return GateValues(trace.valid, (hidden,), tanhs=bounded)

    @property
    def bptt(self) -> Callable[..., tuple[Tensor, ...]]:
        """This cell's kernel of `rnnlab.layers.bptt`."""
        return tanh_rnn if self.nonlinearity == "tanh" else relu_rnn

    @property
    def onnx(self) -> OnnxOperator:
        """See `FusedLayer.onnx`."""
        return OnnxOperator("RNN", (0,), {"activations": [self.nonlinearity.capitalize()]})

    def step(self, x: Float[Tensor, "B D"], state: State) -> tuple[Float[Tensor, "B H"], State]:
        """One step: the output is the next state."""
        total = functional.linear(x, self.weight_ih_l0, self.bias_ih_l0) + functional.linear(
            state[0], self.weight_hh_l0, self.bias_hh_l0
        )
        hidden = torch.tanh(total) if self.nonlinearity == "tanh" else torch.relu(total)
        return hidden, (hidden,)
