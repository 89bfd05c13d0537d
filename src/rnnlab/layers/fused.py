"""What the layers around torch's own recurrent kernels share."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnlab.errors import ConfigError
from rnnlab.layers.base import Layer, State
from rnnlab.layers.padding import last_valid, zero_padding


def check_hidden_size(hidden_size: int) -> int:
    """The size itself; a ConfigError where no layer can have it."""
    if hidden_size < 1:
        raise ConfigError(f"cell.hidden_size: must be at least 1, not {hidden_size}")
    return hidden_size


class FusedLayer(Layer):
    """A layer that also is torch's own module, and whose `forward` is torch's fused kernel.

    A subclass is made as `class LSTM(FusedLayer, nn.LSTM)`, so that its parameters carry torch's
    names, its state_dict loads both ways, and cuDNN's flat weight buffer is torch's own business.
    Kernels get the padded batch, never a PackedSequence: a one-way layer cannot see the padding
    behind a sequence, so masking its outputs and gathering the last valid one is exact.

    Attributes:
        gate_names: Gates in the order of their (H, .) blocks in torch's weights.
    """

    gate_names: ClassVar[tuple[str, ...]]
    hidden_size: int
    weight_ih_l0: nn.Parameter
    weight_hh_l0: nn.Parameter
    bias_ih_l0: nn.Parameter
    bias_hh_l0: nn.Parameter

    @abstractmethod
    def kernel(
        self, x: Float[Tensor, "B T D"], state: State | None
    ) -> tuple[Float[Tensor, "B T H"], State]:
        """Torch's kernel over all T steps: outputs, and the state after the last."""

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
        """See `Layer.forward`; here for a state that is the output."""
        if lengths is None:
            return self.kernel(x, state)
        outputs = zero_padding(self.kernel(zero_padding(x, lengths), state)[0], lengths)
        return outputs, (last_valid(outputs, lengths),)

    def outputs(
        self, x: Float[Tensor, "B T D"], lengths: Int[Tensor, "B"] | None = None
    ) -> Float[Tensor, "B T H"]:
        """`forward`'s outputs alone: the kernel, and no final state."""
        return zero_padding(self.kernel(zero_padding(x, lengths), None)[0], lengths)


def to_torch(part: Tensor) -> Tensor:
    """A part of a state as torch's kernels take it: (B, H) -> (1, B, H), contiguous for cuDNN."""
    return part.unsqueeze(0).contiguous()
