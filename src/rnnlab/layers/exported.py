"""Recurrent layers as graphs, for `torch.export` and ONNX: any batch, any number of steps."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch._higher_order_ops.scan import scan

from rnnlab.data.batch import valid_mask

State = tuple[Tensor, ...]


class OnnxOperator(NamedTuple):
    """ONNX's own recurrent layer (https://onnx.ai/onnx/operators, `RNN`, `GRU`, `LSTM`).

    Attributes:
        name: Of the operator.
        gates: Places of its gates in torch's weights, in the order that ONNX has.
        attributes: Its attributes, but for `hidden_size`.
    """

    name: str
    gates: Sequence[int]
    attributes: Mapping[str, int | Sequence[str]]


def scan_graph(
    step: Callable[[Tensor, State], tuple[Tensor, State]],
    keep: Callable[[State, State, Tensor], State],
    x: Float[Tensor, "B T D"],
    lengths: Int[Tensor, "B"] | None,
    state: State,
) -> tuple[Float[Tensor, "B T H"], State]:
    """The loop over `step` as one operation; results are those of `Layer.scan`.

    Args:
        step: See `Layer.step`.
        keep: See `Layer.keep`.
        x: Inputs, zero on padding.
        lengths: Real steps of each sequence; None where all are T.
        state: State to start from.
    """
    steps = x.shape[1]
    real = x.new_ones(x.shape[:2], dtype=torch.bool)
    if lengths is not None:
        real = valid_mask(lengths, steps)

    def taken(before: State, inputs: tuple[Tensor, Tensor]) -> tuple[State, Tensor]:
        features, now = inputs
        output, proposed = step(features, before)
        after = keep(proposed, before, now)
        # a scan gives and takes no tensor twice
        return tuple(part.clone() for part in after), torch.where(now.unsqueeze(1), output, 0.0)

    start = tuple(part.clone() for part in state)
    final, outputs = scan(taken, start, (x.transpose(0, 1), real.t()))
    return outputs.transpose(0, 1), tuple(final)


def onnx_layer(
    operator: OnnxOperator,
    weights: Sequence[Tensor],
    x: Float[Tensor, "B T D"],
    lengths: Int[Tensor, "B"] | None,
    state: State,
) -> tuple[Float[Tensor, "B T H"], State]:
    """A layer of torch as ONNX's own operator, which reads a ragged batch by its lengths.

    Args:
        operator: Which one.
        weights: `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`, in torch's order of gates.
        x: Inputs; padding has no influence.
        lengths: Real steps of each sequence; None where all are T.
        state: State to start from.
    """
    batch, steps = x.shape[:2]
    count, size = len(operator.gates), state[0].shape[1]

    def ordered(weight: Tensor) -> Tensor:
        parts = weight.chunk(count)
        return torch.cat([parts[gate] for gate in operator.gates])

    weight_ih, weight_hh, bias_ih, bias_hh = map(ordered, weights)
    biases = torch.cat([bias_ih, bias_hh])
    if lengths is None:
        lengths = torch.full((batch,), steps, device=x.device)
    outputs, *after = torch.onnx.ops.symbolic_multi_out(
        operator.name,
        [
            x.transpose(0, 1),
            *(part.unsqueeze(0) for part in (weight_ih, weight_hh, biases)),
            lengths.to(torch.int32),
            *(part.unsqueeze(0) for part in state),
        ],
        {"hidden_size": size, **operator.attributes},
        dtypes=[x.dtype] * (1 + len(state)),
        shapes=[(steps, 1, batch, size), *[(1, batch, size)] * len(state)],
    )
    return outputs.squeeze(1).transpose(0, 1), tuple(part.squeeze(0) for part in after)
