"""Self-attention as a layer: its state are the keys and values of the steps so far."""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from rnnlab.config.types import PositiveInt
from rnnlab.errors import ConfigError
from rnnlab.layers.base import Index, Inputs, Layer, Lengths, Outputs, Result, State
from rnnlab.layers.heads import head_values, head_weights
from rnnlab.layers.keys import kept_keys, key_places, visible
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

    Example:
        >>> import torch
        >>> from rnnlab.layers.attention import SelfAttention
        >>> layer = SelfAttention(6, hidden_size=8, num_heads=2)
        >>> outputs, (keys, values, place) = layer(torch.randn(1, 5, 6))
        >>> tuple(outputs.shape), tuple(keys.shape), place.item()
        ((1, 5, 8), (1, 2, 5, 4), 5)
    """

    fixed_size_state = False
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
            self.max_steps = max_positions
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

    def weight_parts(self) -> Mapping[str, Sequence[tuple[str, Index]]]:
        """Of each head its queries, keys and values, and its columns of the output."""
        return head_weights(self.hidden_size, self.num_heads, len(self.parts))

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

    def exported(self, x: Inputs, lengths: Lengths, state: State) -> Result:
        """See `Layer.exported`: `forward` has no loop over steps."""
        return self.forward(x, lengths, state)

    def forward_outputs(self, x: Inputs, lengths: Lengths = None) -> Outputs:
        """See `Layer.forward_outputs`."""
        outputs, _ = self._attended(zero_padding(x, lengths), lengths, None)
        return zero_padding(outputs, lengths)

    def compute_gate_values(self, trace: Trace) -> GateValues:
        """See `Layer.compute_gate_values`: of the heads, as there are no gates."""
        with torch.autocast(trace.inputs.device.type, enabled=False):
            x, *state = self.to_weight_dtype(trace.inputs, *trace.initial)
            x = zero_padding(x, trace.lengths)
            query, key, _, places = self._heads(x, (state[0], state[1], state[2]))
            past = state[0].shape[2]
            mask = visible(places, past, trace.lengths, causal=self.causal, window=self.window)
            distance = places.unsqueeze(-1) - key_places(places, past).unsqueeze(-2)
            return GateValues(
                trace.valid, (), heads=head_values(query, key, mask.squeeze(1), distance)
            )

    def _attended(self, x: Inputs, lengths: Lengths, state: State | None) -> Result:
        """Outputs, those at padding without a meaning, and the state; none where none is given."""
        steps, past = x.shape[1], 0 if state is None else state[0].shape[2]
        query, key, value, places = self._heads(x, state)
        # while it is exported, how many there are is not known
        plain = isinstance(past, int) and past == 0 and self.window is None
        unmasked = plain and (self.causal or lengths is None)
        attended = functional.scaled_dot_product_attention(
            *(query, key, value),
            attn_mask=None
            if unmasked
            else visible(places, past, lengths, causal=self.causal, window=self.window),
            is_causal=plain and self.causal,
        )
        joined = attended.transpose(1, 2).flatten(2)
        outputs = functional.linear(joined, self.out_proj_weight, self.out_proj_bias)
        if state is None:
            return outputs, ()
        window = self.window
        after = kept_keys(key, value, state[2], lengths, steps=steps, window=window)
        return outputs, after

    def _heads(self, x: Inputs, state: State | None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Queries of these steps, keys and values of the past as well, places of these steps."""
        places = torch.arange(x.shape[1], device=x.device)
        if state is not None:
            places = places + state[2].unsqueeze(1)
        if self.positions in ("sinusoidal", "learned"):
            x = x + self._vectors(places, x)
        projected = functional.linear(x, self.in_proj_weight, self.in_proj_bias)
        heads = projected.view(*x.shape[:2], 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = heads.unbind(0)
        if self.positions == "rotary":
            query, key = rotated(heads[:2], places).unbind(0)
        if state is not None and state[0].shape[2]:
            key, value = torch.cat([state[0], key], dim=2), torch.cat([state[1], value], dim=2)
        return query, key, value, places

    def _vectors(self, places: Tensor, x: Inputs) -> Float[Tensor, "*B T D"]:
        """The vectors of places, to be added to the inputs."""
        if self.positions == "sinusoidal":
            return sinusoids(places, self.input_size).to(x.dtype)
        if torch.compiler.is_exporting():  # a look-up of its own refuses places beyond the last
            return functional.embedding(places, self.position_weight)
        last = len(self.position_weight)
        needed = places.shape[-1] if places.dim() == 1 else int(places.max()) + 1
        if needed > last:
            raise ConfigError(
                f"cell.max_positions: {last} places are learned, and a sequence has {needed} "
                "steps; choose more, a smaller data.max_length, or cell.positions=rotary"
            )
        return functional.embedding(places, self.position_weight)
