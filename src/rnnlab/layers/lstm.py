"""Long short-term memory."""

from collections.abc import Callable
from typing import Annotated, Any, ClassVar, Literal

import torch
from annotated_types import Ge
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from rnnlab.data.batch import valid_mask
from rnnlab.layers.base import Inputs, Lengths, Outputs, Result, State
from rnnlab.layers.bptt.lstm import lstm
from rnnlab.layers.exported import OnnxOperator
from rnnlab.layers.fused import FusedLayer
from rnnlab.layers.ghost import Ghost, to_torch
from rnnlab.layers.init import chrono_biases, refuse_beside_chrono
from rnnlab.layers.shift import accumulate_, accumulate_back_, add_following_
from rnnlab.layers.trace import GateValues, Trace

aten = torch.ops.aten

FORGET_BIAS = 1.0
"""Default of `forget_bias` (Jozefowicz et al. 2015)."""

HOLD = 1e4
"""Drives a sigmoid to exactly 0 or 1 in every dtype (float64 needs 746), and fits into float16."""


class LSTM(FusedLayer, nn.LSTM):  # type: ignore[misc]  # forward is the contract's, not torch's
    """Hochreiter and Schmidhuber (1997) with the forget gate of Gers et al. (2000).

    i, f, o = s(W x + b_i + U h + b_h) each with its own weights, g = tanh(of the same form),
    c' = f c + i g, h' = o tanh(c'). The state is (h, c).

    Args:
        input_size: Features D of a step's input.
        forget_bias: Bias of the forget gate at the start; a larger one remembers longer. None: as
            `init` gives it.
        chrono: Steps of the longest memory at the start, in place of `forget_bias`. Each unit has a
            memory of its own, from short to long (Tallec and Ollivier 2018, `chrono_biases`); the
            input gate gets the opposite of the forget gate's bias.

    Raises:
        ConfigError: `chrono` beside a `forget_bias` that is not the default.

    Example:
        >>> import torch
        >>> from rnnlab.layers.lstm import LSTM
        >>> lstm, x = LSTM(3, hidden_size=8), torch.randn(2, 5, 3)
        >>> outputs, state = lstm(x[:, :4])
        >>> output, (h, c) = lstm.step(x[:, 4], state)  # the next step
        >>> torch.allclose(output, lstm(x)[0][:, 4], atol=1e-6)
        True
    """

    gate_names: ClassVar[tuple[str, ...]] = ("input", "forget", "cell", "output")
    cpu_kernel: ClassVar[Literal["fused", "bptt"]] = "fused"

    def __init__(
        self,
        input_size: int,
        *,
        forget_bias: float | None = FORGET_BIAS,
        chrono: Annotated[int, Ge(3)] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(input_size, **options)
        if chrono is not None:
            refuse_beside_chrono("forget_bias", None if forget_bias == FORGET_BIAS else forget_bias)
            biases = chrono_biases(self.hidden_size, chrono)
            self.set_bias("forget", biases)
            self.set_bias("input", -biases)
        elif forget_bias is not None:
            self.set_bias("forget", forget_bias)

    def initial_state(self, batch_size: int, like: Tensor) -> State:
        """Two times zeros (B, H), of `like`'s device and dtype."""
        zeros = like.new_zeros(batch_size, self.hidden_size)
        return zeros, zeros

    def kernel_inputs(
        self, x: Inputs, lengths: Lengths
    ) -> tuple[Float[Tensor, "B T E"], Float[Tensor, "G K"]]:
        """The input with a flag on padding, and the flag's weights.

        A kernel returns no cell state but the last, so a ragged batch's has to survive the
        padding: one more input, 1 on padding, closes the input gate and opens the forget gate
        there. Gates of exactly 0 and 1 hold c bit by bit, and pass its gradient on unchanged.
        """
        if lengths is None:
            return super().kernel_inputs(x, lengths)
        padding = ~valid_mask(lengths, x.shape[1]).unsqueeze(2)
        column = torch.zeros_like(self.bias_ih_l0)
        column[self.rows("input")] = -HOLD
        column[self.rows("forget")] = HOLD
        return torch.cat([x, padding.to(x.dtype)], dim=2), column.unsqueeze(1)

    def run_kernel(self, x: Inputs, state: State, weights: list[Tensor]) -> Result:
        """See `GhostInputLayer.run_kernel`."""
        outputs, hidden, cell = torch.lstm(
            x, [to_torch(part) for part in state], weights, **self.call
        )
        return outputs, (hidden[0], cell[0])

    def total_gradients(
        self, trace: Trace, direct: Outputs, ghost: Ghost, final: tuple[Tensor | None, ...]
    ) -> tuple[Outputs, ...]:
        """dL/dh_t = direct_t + delta_{t+1} W_hh, dL/dc_t = dL/dh_t o_t s'_t + f_{t+1} dL/dc_{t+1}.

        s = tanh(c), s' = 1 - s^2.
        """
        total = add_following_(direct.clone(), ghost)
        values = self.compute_gate_values(trace)
        keep, tanh_cells = values.sigmoids["forget"], values.tanhs["state"]
        through = aten.tanh_backward(total * values.sigmoids["output"], tanh_cells)
        (last,) = final
        if trace.lengths is None:
            return total, accumulate_back_(keep, through, last)
        valid = trace.valid.unsqueeze(2)  # padding holds c, so that the last one's gradient passes
        cells = accumulate_back_(torch.where(valid, keep, 1.0), through, last)
        return total, torch.where(valid, cells, 0.0)

    @torch.no_grad()
    def compute_gate_values(self, trace: Trace) -> GateValues:
        """See `Layer.compute_gate_values`."""
        from_inputs, from_states = self.products(trace)
        i, f, g, o = from_inputs.add_(from_states).chunk(4, dim=2)  # now changed in place
        i.sigmoid_(), f.sigmoid_(), o.sigmoid_(), g.tanh_()
        hidden, initial = self.to_weight_dtype(trace.outputs, trace.initial[1])
        cells = accumulate_(f, i * g, initial)
        return GateValues(
            trace.valid,
            (hidden, cells),
            {"input": i, "forget": f, "output": o},
            {"cell": g, "state": cells.tanh()},
        )

    @property
    def bptt(self) -> Callable[..., tuple[Tensor, ...]]:
        """This cell's kernel of `rnnlab.layers.bptt`."""
        return lstm

    @property
    def onnx(self) -> OnnxOperator:
        """See `FusedLayer.onnx`."""
        return OnnxOperator("LSTM", (0, 3, 1, 2), {})

    def step(self, x: Float[Tensor, "B D"], state: State) -> tuple[Float[Tensor, "B H"], State]:
        """One step: the output is the hidden part of the next state."""
        hidden, cell = state
        total = functional.linear(x, self.weight_ih_l0, self.bias_ih_l0) + functional.linear(
            hidden, self.weight_hh_l0, self.bias_hh_l0
        )
        i, f, g, o = total.chunk(4, dim=1)
        cell = torch.sigmoid(f) * cell + torch.sigmoid(i) * torch.tanh(g)
        hidden = torch.sigmoid(o) * torch.tanh(cell)
        return hidden, (hidden, cell)
