"""The gated recurrent unit."""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from rnnlab.layers.base import Inputs, Outputs, Result, State
from rnnlab.layers.bptt.gru import gru
from rnnlab.layers.exported import OnnxOperator
from rnnlab.layers.fused import FusedLayer
from rnnlab.layers.ghost import Ghost, to_torch
from rnnlab.layers.init import chrono_biases, refuse_beside_chrono
from rnnlab.layers.shift import accumulate_back_, add_following_
from rnnlab.layers.trace import GateValues, Trace


class GRU(FusedLayer, nn.GRU):  # type: ignore[misc]  # forward is the contract's, not torch's
    """Cho et al. (2014, arXiv:1406.1078), in torch's form: the reset gate acts after the product.

    r = s(W_ir x + b_ir + W_hr h + b_hr), z = s(W_iz x + b_iz + W_hz h + b_hz),
    n = tanh(W_in x + b_in + r (W_hn h + b_hn)), h' = (1 - z) n + z h.

    Args:
        input_size: Features D of a step's input.
        update_bias: Bias of the update gate at the start; a larger one remembers longer. None: as
            `init` gives it.
        chrono: Steps of the longest memory at the start, in place of `update_bias`. Each unit has a
            memory of its own, from short to long (Tallec and Ollivier 2018, `chrono_biases`).

    Raises:
        ConfigError: `chrono` beside `update_bias`.

    Example:
        >>> import torch
        >>> from rnnlab.layers.gru import GRU
        >>> gru = GRU(3, hidden_size=8, update_bias=2.0)
        >>> outputs, (h,) = gru(torch.randn(2, 5, 3), torch.tensor([5, 4]))  # B T D, real steps
        >>> tuple(outputs.shape), torch.equal(h[1], outputs[1, 3]), outputs[1, 4].any().item()
        ((2, 5, 8), True, False)
    """

    gate_names: ClassVar[tuple[str, ...]] = ("reset", "update", "new")
    cpu_kernel: ClassVar[Literal["fused", "bptt"]] = "bptt"

    def __init__(
        self,
        input_size: int,
        *,
        update_bias: float | None = None,
        chrono: Annotated[int, Ge(3)] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(input_size, **options)
        if chrono is not None:
            refuse_beside_chrono("update_bias", update_bias)
            self.set_bias("update", chrono_biases(self.hidden_size, chrono))
        elif update_bias is not None:
            self.set_bias("update", update_bias)

    def run_kernel(self, x: Inputs, state: State, weights: list[Tensor]) -> Result:
        """See `GhostInputLayer.run_kernel`."""
        outputs, hidden = torch.gru(x, to_torch(state[0]), weights, **self.call)
        return outputs, (hidden[0],)

    def ghost_block(self) -> Float[Tensor, "G K"]:
        """The recurrent weights of r and z; n's gradient as it is, as r stands before its W_hh."""
        size, weight = self.hidden_size, self.weight_hh_l0.detach()
        gates = torch.cat([weight[: 2 * size], torch.zeros_like(weight[2 * size :])])
        return torch.cat([gates, torch.eye(3 * size).to(weight)[:, 2 * size :]], dim=1)

    def total_gradients(
        self, trace: Trace, direct: Outputs, ghost: Ghost, final: tuple[Tensor | None, ...]
    ) -> tuple[Outputs, ...]:
        """dL/dh_t = direct_t + [d_r, d_z, r d_n]_{t+1} W_hh + z_{t+1} dL/dh_{t+1}."""
        gates = self.compute_gate_values(trace).sigmoids
        through_gates, to_new = ghost.chunk(2, dim=2)
        total = add_following_(direct.clone(), through_gates)
        to_memory = gates["reset"] * to_new
        total = add_following_(total, to_memory @ self.weight_hh_l0[self.rows("new")])
        return (accumulate_back_(gates["update"], total),)

    @torch.no_grad()
    def compute_gate_values(self, trace: Trace) -> GateValues:
        """See `Layer.compute_gate_values`."""
        (xr, xz, xn), (hr, hz, hn) = (part.chunk(3, dim=2) for part in self.products(trace))
        reset, update = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
        return GateValues(
            trace.valid,
            tuple(self.to_weight_dtype(trace.outputs)),
            {"reset": reset, "update": update},
            {"new": torch.tanh(xn + reset * hn)},
        )

    @property
    def bptt(self) -> Callable[..., tuple[Tensor, ...]]:
        """This cell's kernel of `rnnlab.layers.bptt`."""
        return gru

    @property
    def onnx(self) -> OnnxOperator:
        """See `FusedLayer.onnx`."""
        return OnnxOperator("GRU", (1, 0, 2), {"linear_before_reset": 1})

    def step(self, x: Float[Tensor, "B D"], state: State) -> tuple[Float[Tensor, "B H"], State]:
        """One step: the output is the next state."""
        (hidden,) = state
        xr, xz, xn = functional.linear(x, self.weight_ih_l0, self.bias_ih_l0).chunk(3, dim=1)
        hr, hz, hn = functional.linear(hidden, self.weight_hh_l0, self.bias_hh_l0).chunk(3, dim=1)
        reset, update = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
        new = torch.tanh(xn + reset * hn)
        hidden = (1 - update) * new + update * hidden
        return hidden, (hidden,)
