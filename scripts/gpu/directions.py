"""Two directions of a ragged batch: which of several ways is the fastest?

What the library does is two calls. The others live here until a figure decides.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from bench.timing import interleave
from gpu.device import Setting, tf32
from gpu.exactness import error
from rnnlab.data.batch import valid_mask
from rnnlab.layers.bidirectional import Bidirectional
from rnnlab.layers.ghost import in_one_buffer
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.padding import reverse_padded, zero_padding

HIDDEN = (128, 256, 512)
HOLD = 1e4
"""Closes an LSTM's input gate, or holds a GRU's state, on padding."""


def measure_directions(setting: Setting) -> None:
    """Forward and backward pass of both directions; ways that claim to be exact are checked."""
    part = setting.part(
        "Two directions",
        ("cell", "B, T, D, H", "way", "ms", "times as fast", "error"),
        "Forward and backward pass of a ragged batch, float32 with TF32, interleaved medians; "
        "`error` of the outputs without TF32, against two calls. Two streams: the backward "
        "direction beside the forward one. Flagged: one bidirectional call on padded input, in "
        "which one more column holds the backward state at zero on padding. `nn` padded is wrong "
        "on ragged batches, and stands for what a call costs at least. Right: at most 1e-5.",
    )
    if not setting.cuda:
        part.skipped.append("two streams: there is no GPU")
    for cell, ours, native in (("lstm", LSTM, nn.LSTM), ("gru", GRU, nn.GRU)):
        for hidden in (4,) if setting.small else HIDDEN:
            batch, steps, features = (3, 5, 3) if setting.small else (32, 100, 128)
            torch.manual_seed(5)
            x = torch.randn(batch, steps, features, device=setting.device, requires_grad=True)
            lengths = torch.randint(1, steps + 1, (batch,))
            lengths[0] = steps
            pair = Bidirectional(*(ours(features, hidden_size=hidden) for _ in range(2)))
            pair.to(setting.device)
            both = native(features, hidden, batch_first=True, bidirectional=True).to(setting.device)
            ways = _ways(setting, cell, pair, both, x, lengths)
            with tf32(True):
                work = {name: _step(way, pair, both, x) for name, way in ways.items()}
                times = interleave(work, budget=4 * setting.budget, calls=2)
            with tf32(False), torch.no_grad():
                exact = ways["two calls"]()
                errors = {name: error(ways[name](), exact) for name in ways if "nn" not in name}
            for name in ways:
                took, usual = times[name].median, times["two calls"].median
                row = [cell, f"{batch}, {steps}, {features}, {hidden}", name]
                part.rows.append([*row, 1e3 * took, usual / took, errors.get(name)])
                if not errors.get(name, 0.0) <= 1e-5:
                    part.failures.append(f"{cell}, {hidden}, {name}: wrong by {errors[name]:.1e}")


def _ways(
    setting: Setting, cell: str, pair: Bidirectional, both: nn.RNNBase, x: Tensor, lengths: Tensor
) -> dict[str, Callable[[], Tensor]]:
    """The outputs (B, T, 2 H) in each way."""
    there = lengths.to(setting.device)
    ways = {
        "two calls": lambda: pair.outputs(x, there),
        "flagged": lambda: _flagged(cell, pair, x, there),
        "nn packed": lambda: both(pack_padded_sequence(x, lengths, True, False))[0].data,
        "nn padded": lambda: both(x)[0],
    }
    if setting.cuda:
        side = torch.cuda.Stream(setting.device)
        ways["two streams"] = lambda: _two_streams(pair, x, there, side)
    return ways


def _two_streams(
    pair: Bidirectional, x: Tensor, lengths: Tensor, side: "torch.cuda.Stream"
) -> Tensor:
    main = torch.cuda.current_stream()
    side.wait_stream(main)
    with torch.cuda.stream(side):
        backward = reverse_padded(
            pair.backward_layer.outputs(reverse_padded(x, lengths), lengths), lengths
        )
    forward = pair.forward_layer.outputs(x, lengths)
    main.wait_stream(side)
    backward.record_stream(main)
    return torch.cat([forward, backward], dim=2)


def _flagged(cell: str, pair: Bidirectional, x: Tensor, lengths: Tensor) -> Tensor:
    """One call, with the weights of both layers; -1e4 and 1e4 make gates of exactly 0 and 1."""
    padding = ~valid_mask(lengths, x.shape[1]).unsqueeze(2)
    kernels: list[Tensor] = []
    biases: list[Tensor] = []
    for layer, sign in ((pair.forward_layer, 0.0), (pair.backward_layer, 1.0)):
        column = torch.zeros_like(layer.bias_ih_l0)
        gate, hold = ("input", -HOLD) if cell == "lstm" else ("update", HOLD)
        column[layer.rows(gate)] = sign * hold
        weight_ih, weight_hh, *both = layer.weights
        kernels += [torch.cat([weight_ih, column.unsqueeze(1)], dim=1), weight_hh]
        biases += both
    flat = in_one_buffer([*kernels, *biases])  # cuDNN's order; torch's is layer by layer
    weights = [*flat[:2], *flat[4:6], *flat[2:4], *flat[6:]]
    states = x.new_zeros(2, x.shape[0], pair.forward_layer.output_size)
    call = pair.forward_layer.call | {"bidirectional": True}
    flagged = torch.cat([zero_padding(x, lengths), padding.to(x.dtype)], dim=2)
    if cell == "lstm":
        outputs = torch.lstm(flagged, [states, states], weights, **call)[0]
    else:
        outputs = torch.gru(flagged, states, weights, **call)[0]
    return zero_padding(outputs, lengths)


def _step(
    outputs: Callable[[], Tensor], pair: nn.Module, both: nn.Module, x: Tensor
) -> Callable[[], None]:
    def step() -> None:
        pair.zero_grad(set_to_none=True)
        both.zero_grad(set_to_none=True)
        x.grad = None
        outputs().square().sum().backward()

    return step
