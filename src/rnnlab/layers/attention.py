"""Self-attention as a layer: its state are the keys and values of the steps so far."""

from collections.abc import Callable, Mapping
from typing import ClassVar, Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from rnnlab.config.types import PositiveInt
from rnnlab.data.batch import valid_mask
from rnnlab.errors import ConfigError
from rnnlab.layers.base import Inputs, Layer, Lengths, Outputs, Result, State
from rnnlab.layers.padding import zero_padding
from rnnlab.layers.positions import rotated, sinusoids
from rnnlab.layers.trace import GateValues, Trace

Positions = Literal["rotary", "sinusoidal", "learned", "none"]
"""How a step knows its place.

`rotary`: queries and keys are rotated by it, so that they meet by their distance (Su et al. 2021,
arXiv:2104.09864). `sinusoidal`, `learned`: a vector of the place is added to what the layer reads
(Vaswani et al. 2017, section 3.5; to every layer as in arXiv:1808.04444).
"""

GPT2_STD = 0.02
"""Standard deviation of GPT-2's weights at the start (Radford et al. 2019)."""


class SelfAttention(Layer):
    """Multi-head self-attention (Vaswani et al. 2017, arXiv:1706.03762, section 3.2).

    [q; k; v] = W x + b; each of the heads gives softmax(q k^T / sqrt(d)) v over the steps that it
    sees; the output is W_o [heads] + b_o. A step sees itself and all before it; made by
    `two_directions`, all steps.

    The state are the keys and values of the L steps so far (B, heads, L, d), the last ones of a
    window, and the place of the next step (B,). Of a sequence with fewer steps the first are zero.

    Weights start Glorot-uniform, query, key and value each by itself; biases zero.

    Args:
        input_size: Features D of a step's input.
        hidden_size: Features H of a step's output, and of all heads' queries together.
        num_heads: Heads; each has `hidden_size` / `num_heads` features.
        positions: How a step knows its place.
        max_positions: Places that `positions=learned` has vectors for.
        window: Steps that a step sees, itself and those right before it (with both directions also
            as many behind it); null for all. A language model carries the keys of a window from
            batch to batch; without one each batch stands alone.

    Raises:
        ConfigError: Sizes that do not divide.
    """

    recurrent = False
    parts: ClassVar[tuple[str, ...]] = ("query", "key", "value")

    def __init__(
        self,
        input_size: int,
        *,
        hidden_size: PositiveInt = 128,
        num_heads: PositiveInt = 4,
        positions: Positions = "rotary",
        max_positions: PositiveInt = 1024,
        window: PositiveInt | None = None,
    ) -> None:
        super().__init__()
        if hidden_size % num_heads:
            raise ConfigError(
                f"cell.num_heads: {num_heads} heads do not divide cell.hidden_size={hidden_size}"
            )
        if positions == "rotary" and hidden_size // num_heads % 2:
            raise ConfigError(
                f"cell.positions: rotary needs an even number of features a head, not "
                f"cell.hidden_size / cell.num_heads = {hidden_size // num_heads}"
            )
        self.input_size, self.output_size, self.hidden_size = input_size, hidden_size, hidden_size
        self.num_heads, self.positions, self.window = num_heads, positions, window
        self.causal = True
        self.in_proj_weight = nn.Parameter(torch.empty(3 * hidden_size, input_size))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * hidden_size))
        self.out_proj_weight = nn.Parameter(torch.empty(hidden_size, hidden_size))
        self.out_proj_bias = nn.Parameter(torch.zeros(hidden_size))
        for part in (*self.in_proj_weight.chunk(3), self.out_proj_weight):
            nn.init.xavier_uniform_(part)
        if positions == "learned":
            self.position_weight = nn.Parameter(torch.empty(max_positions, input_size))
            nn.init.normal_(self.position_weight, std=GPT2_STD)

    def two_directions(self, cell: Callable[[], Layer]) -> Layer:
        """This layer alone, of which every step sees all others."""
        self.causal = False
        return self

    @torch.no_grad()
    def init_residual(self, num_layers: int) -> None:
        """As in GPT-2: N(0, 0.02), the output 1 / sqrt(2 `num_layers`) of that."""
        nn.init.normal_(self.in_proj_weight, std=GPT2_STD)
        nn.init.normal_(self.out_proj_weight, std=GPT2_STD / (2 * num_layers) ** 0.5)

    def engine(self, device: torch.device) -> str:
        """See `Layer.engine`."""
        return "scaled_dot_product_attention"

    def gates(self) -> Mapping[str, tuple[str, slice]]:
        """Query, key, value and output; see `Layer.gates`."""
        size = self.hidden_size
        rows = {part: slice(n * size, (n + 1) * size) for n, part in enumerate(self.parts)}
        gates = {
            **{f"input/{part}": ("in_proj_weight", own) for part, own in rows.items()},
            "input/output": ("out_proj_weight", slice(None)),
            **{f"bias/{part}": ("in_proj_bias", own) for part, own in rows.items()},
            "bias/output": ("out_proj_bias", slice(None)),
        }
        if self.positions == "learned":
            gates["input/positions"] = ("position_weight", slice(None))
        return gates

    def initial_state(self, batch_size: int, like: Tensor) -> State:
        """No keys, and place 0."""
        features = self.hidden_size // self.num_heads
        nothing = like.new_zeros(batch_size, self.num_heads, 0, features)
        return nothing, nothing, torch.zeros(batch_size, dtype=torch.long, device=like.device)

    def carry(self, state: State) -> State:
        """The keys of the window; without one nothing, as they would be ever more."""
        if self.window is None:
            return self.initial_state(len(state[0]), state[0])
        return super().carry(state)

    def keep(self, proposed: State, state: State, now: Tensor) -> State:
        """See `Layer.keep`: where the step is not taken, its key makes room for none."""
        keys, values, place = state
        grown = (0, 0, proposed[0].shape[2] - keys.shape[2], 0)
        before = functional.pad(keys, grown), functional.pad(values, grown), place
        return super().keep(proposed, before, now)

    def step(self, x: Float[Tensor, "B D"], state: State) -> tuple[Float[Tensor, "B H"], State]:
        """One step: its query meets the keys so far and its own."""
        outputs, after = self._attended(x.unsqueeze(1), None, state)
        return outputs.squeeze(1), after

    def forward(self, x: Inputs, lengths: Lengths = None, state: State | None = None) -> Result:
        """See `Layer.forward`."""
        start = self.initial_state(x.shape[0], x) if state is None else state
        outputs, after = self._attended(zero_padding(x, lengths), lengths, start)
        return zero_padding(outputs, lengths), after

    def forward_outputs(self, x: Inputs, lengths: Lengths = None) -> Outputs:
        """See `Layer.forward_outputs`."""
        outputs, _ = self._attended(zero_padding(x, lengths), lengths, None)
        return zero_padding(outputs, lengths)

    def compute_gate_values(self, trace: Trace) -> GateValues:
        """See `Layer.compute_gate_values`: there are neither gates nor states of a fixed size."""
        return GateValues(trace.valid, ())

    def _attended(self, x: Inputs, lengths: Lengths, state: State | None) -> Result:
        """Outputs, those at padding without a meaning, and the state; none where none is given."""
        steps, past = x.shape[1], 0
        places = torch.arange(steps, device=x.device)
        if state is not None:
            past = state[0].shape[2]
            places = places + state[2].unsqueeze(1)
        if self.positions in ("sinusoidal", "learned"):
            x = x + self._vectors(places, x)
        projected = functional.linear(x, self.in_proj_weight, self.in_proj_bias)
        heads = projected.view(*x.shape[:2], 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = heads.unbind(0)
        if self.positions == "rotary":
            query, key = rotated(heads[:2], places).unbind(0)
        if state is not None and past:
            key, value = torch.cat([state[0], key], dim=2), torch.cat([state[1], value], dim=2)
        plain = past == 0 and self.window is None
        unmasked = plain and (self.causal or lengths is None)
        attended = functional.scaled_dot_product_attention(
            *(query, key, value),
            attn_mask=None if unmasked else self._visible(places, past, lengths),
            is_causal=plain and self.causal,
        )
        joined = attended.transpose(1, 2).flatten(2)
        outputs = functional.linear(joined, self.out_proj_weight, self.out_proj_bias)
        after = () if state is None else self._after(key, value, state[2], steps, lengths)
        return outputs, after

    def _vectors(self, places: Tensor, x: Inputs) -> Float[Tensor, "*B T D"]:
        """The vectors of places, to be added to the inputs."""
        if self.positions == "sinusoidal":
            return sinusoids(places, self.input_size).to(x.dtype)
        last = len(self.position_weight)
        needed = places.shape[-1] if places.dim() == 1 else int(places.max()) + 1
        if needed > last:
            raise ConfigError(
                f"cell.max_positions: {last} places are learned, and a sequence has {needed} "
                "steps; choose more, a smaller data.max_length, or cell.positions=rotary"
            )
        return functional.embedding(places, self.position_weight)

    def _visible(
        self, places: Tensor, past: int, lengths: Lengths
    ) -> Bool[Tensor, "T L"] | Bool[Tensor, "B 1 _ L"]:
        """Which keys, of the past and of these steps, each query may see."""
        steps = places.shape[-1]
        keys = places[..., :1] - past + torch.arange(past + steps, device=places.device)
        distance = places.unsqueeze(-1) - keys.unsqueeze(-2)
        mask = (keys >= 0).unsqueeze(-2)
        if self.causal:
            mask = mask & (distance >= 0)
        elif lengths is not None:
            mask = mask & valid_mask(lengths, steps).unsqueeze(-2)
        if self.window is not None:
            mask = mask & (distance.abs() < self.window)
            mask = mask | (distance == 0)  # padding may see nothing else
        return mask if mask.dim() == 2 else mask.unsqueeze(1)

    def _after(
        self, keys: Tensor, values: Tensor, place: Tensor, steps: int, lengths: Lengths
    ) -> State:
        """The state: keys and values end with each sequence's last step, zeros are before."""
        width = keys.shape[2]
        first = 0 if self.window is None else max(0, width - self.window + 1)
        if lengths is None:
            return keys[:, :, first:], values[:, :, first:], place + steps
        index = torch.arange(first, width, device=keys.device) - (steps - lengths).unsqueeze(1)
        index = index.view(len(index), 1, -1, 1)
        at = index.clamp(min=0).expand(-1, keys.shape[1], -1, keys.shape[3])
        keys, values = (torch.where(index >= 0, p.gather(2, at), 0.0) for p in (keys, values))
        return keys, values, place + lengths
