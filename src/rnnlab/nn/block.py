"""A residual block around any layer."""

from collections.abc import Callable
from typing import Annotated, Literal, cast

import torch
from annotated_types import Gt, Le
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from rnnlab.layers.attention import GPT2_STD
from rnnlab.layers.base import Inputs, Layer, Lengths, Outputs, Result, State
from rnnlab.layers.bidirectional import Bidirectional
from rnnlab.layers.padding import last_valid, zero_padding

Norm = Literal["rms", "layer"]
"""`rms`: divided by the root mean square (Zhang and Sennrich 2019); `layer`: Ba et al. 2016."""

MLP = Literal["gelu", "gated", "none"]
"""`gelu`: W_2 gelu(W_1 x); `gated`: W_2 (silu(W_1 x) * W_3 x), with two thirds of the units and so
as many weights (SwiGLU, Shazeer 2020, arXiv:2002.05202); `none`: no second half of a block."""

Ratio = Annotated[float, Gt(0), Le(100)]
"""Of sizes."""

NORMS: dict[Norm, Callable[[int], nn.Module]] = {"rms": nn.RMSNorm, "layer": nn.LayerNorm}


class FeedForward(nn.Module):
    """Each step by itself through one hidden layer, see `MLP`.

    Args:
        size: Features of a step, before and after.
        kind: Which function.
        ratio: Hidden units over `size`.
    """

    def __init__(self, size: int, kind: MLP, ratio: float) -> None:
        super().__init__()
        self.gated = kind == "gated"
        hidden = max(1, round(size * ratio * (2 / 3 if self.gated else 1)))
        self.input = nn.Linear(size, 2 * hidden if self.gated else hidden)
        self.output = nn.Linear(hidden, size)

    def forward(self, x: Float[Tensor, "*N S"]) -> Float[Tensor, "*N S"]:
        """The same of every step."""
        hidden: Tensor = self.input(x)
        if self.gated:
            gate, value = hidden.chunk(2, dim=-1)
            hidden = functional.silu(gate) * value
        else:
            hidden = functional.gelu(hidden)
        output: Tensor = self.output(hidden)
        return output


class Block(nn.Module):
    """x + drop(mixer(norm(x))), then x + drop(mlp(norm(x))) (pre-norm: arXiv:2002.04745).

    A decoder's block has x + drop(cross(norm(x), memory)) between the two. What a stack of layers
    calls is the same as of a `Layer`, so are the states: the mixer's.

    Weights start as in GPT-2: of linear layers N(0, 0.02), with 1 / sqrt(2 L) of that where they
    write to the residual stream of L blocks, biases zero; recurrent mixers start as they do.

    Args:
        mixer: A `Layer`, or both directions of one (see `Layer.two_directions`). Where its outputs
            have another size a linear layer maps them back.
        size: Features of the residual stream.
        num_layers: Blocks L of the stack.
        norm: See `Norm`.
        mlp: See `MLP`.
        mlp_ratio: Units of the MLP over `size`.
        dropout: Makes the dropout of what is added to the stream.
        both: The mixer reads in both directions.
        cross: What reads the memory, called with the normed stream and the memory's parts.
    """

    def __init__(
        self,
        mixer: Layer | Bidirectional,
        size: int,
        *,
        num_layers: int,
        norm: Norm = "rms",
        mlp: MLP = "gelu",
        mlp_ratio: float = 4.0,
        dropout: Callable[[], nn.Module] = nn.Identity,
        both: bool = False,
        cross: nn.Module | None = None,
    ) -> None:
        super().__init__()
        self.both, self.output_size = both, size
        self.mixer, self.cross = mixer, cross
        mixed = mixer.output_size
        self.mixer_norm = NORMS[norm](size)
        self.mixer_output = nn.Identity() if mixed == size else nn.Linear(mixed, size)
        self.cross_norm = None if cross is None else NORMS[norm](size)
        self.mlp_norm = None if mlp == "none" else NORMS[norm](size)
        self.mlp = None if mlp == "none" else FeedForward(size, mlp, mlp_ratio)
        self.dropout = dropout()
        outputs = [self.mixer_output, *([] if self.mlp is None else [self.mlp.output])]
        inputs = [] if self.mlp is None else [self.mlp.input]
        for linear in (*inputs, *outputs):
            if isinstance(linear, nn.Linear):
                narrow = (2 * num_layers) ** -0.5 if linear in outputs else 1.0
                nn.init.normal_(linear.weight, std=GPT2_STD * narrow)
                nn.init.zeros_(linear.bias)
        for part in (mixer, cross):
            if isinstance(part, Layer):
                part.init_residual(num_layers)

    @property
    def layer(self) -> Layer:
        """The mixer, of one direction."""
        return cast(Layer, self.mixer)

    def initial_state(self, batch_size: int, like: Tensor) -> State:
        """See `Layer.initial_state`."""
        return self.layer.initial_state(batch_size, like)

    def carry(self, state: State) -> State:
        """See `Layer.carry`."""
        return self.layer.carry(state)

    def forward(
        self,
        x: Inputs,
        lengths: Lengths = None,
        state: State | None = None,
        memory: tuple[Tensor, ...] = (),
    ) -> Result:
        """See `Layer.forward`; `memory` is what `cross` reads."""
        x = zero_padding(x, lengths)
        mixed, after = self.layer(self.mixer_norm(x), lengths, state)
        return zero_padding(self._rest(x, mixed, memory), lengths), after

    def outputs(
        self, x: Inputs, lengths: Lengths = None, memory: tuple[Tensor, ...] = ()
    ) -> Outputs:
        """See `Layer.outputs`."""
        mixed = self.layer.outputs(self.mixer_norm(x), lengths)
        return zero_padding(self._rest(x, mixed, memory), lengths)

    def step(
        self, x: Float[Tensor, "B D"], state: State, memory: tuple[Tensor, ...] = ()
    ) -> tuple[Float[Tensor, "B D"], State]:
        """See `Layer.step`."""
        mixed, after = self.layer.step(self.mixer_norm(x), state)
        return self._rest(x, mixed, memory), after

    def final(self, outputs: Outputs, lengths: Int[Tensor, "B"]) -> Float[Tensor, "B D"]:
        """The output at the last valid step.

        Of both directions the mean of that and of the first, where the other one has read all.
        """
        last = last_valid(outputs, lengths)
        return torch.lerp(last, outputs[:, 0], 0.5) if self.both else last

    def _rest(self, x: Tensor, mixed: Tensor, memory: tuple[Tensor, ...]) -> Tensor:
        """All behind the mixer, for one step or several."""
        x = x + self.dropout(self.mixer_output(mixed))
        if self.cross is not None and self.cross_norm is not None:
            x = x + self.dropout(self.cross(self.cross_norm(x), *memory))
        if self.mlp is not None and self.mlp_norm is not None:
            x = x + self.dropout(self.mlp(self.mlp_norm(x)))
        return x
