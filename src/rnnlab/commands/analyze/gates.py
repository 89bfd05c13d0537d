"""What the gates of a layer do on real inputs: how long each unit remembers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from rnnlab.diagnostics.gates import MEMORY_GATES, gate_scalars
from rnnlab.layers.base import Layer
from rnnlab.layers.trace import Trace


@dataclass(frozen=True)
class Gates:
    """Gates of a layer over all real steps; empty for a cell without any.

    Attributes:
        means: Mean of each unit's sigmoid gates, by gate, float64 (H,).
        shares: Scalars of `gate_scalars` over all units, such as `forget/low`.
    """

    means: Mapping[str, Float[Tensor, "H"]]
    shares: Mapping[str, float]


@torch.no_grad()
def gates_of(layer: Layer, traces: Sequence[Trace]) -> Gates:
    """The gates in these forward passes (see `Layer.gate_values`)."""
    sums: dict[str, Tensor] = {}
    shares: dict[str, float] = {}
    count = sum(int(trace.valid.sum()) for trace in traces)
    for trace in traces:
        values = layer.gate_values(trace)
        share = int(values.valid.sum()) / count
        for name, gate in values.sigmoids.items():
            total = gate[values.valid].double().sum(0)
            sums[name] = sums[name] + total if name in sums else total
        for key, value in gate_scalars("", values, values.valid).items():
            name = key.removeprefix("/")
            if name != "memory":  # time scales say that of each unit
                shares[name] = shares.get(name, 0.0) + share * float(value)
    return Gates({name: total / count for name, total in sums.items()}, shares)


def time_scales(means: Mapping[str, Float[Tensor, "H"]]) -> dict[str, Float[Tensor, "H"]]:
    """Steps after which a unit has kept 1/e, if its gate were always at its mean.

    -1 / log(mean f) for an LSTM's forget gate f, and the same of a GRU's update gate z, the share
    of the state that is kept (Tallec and Ollivier 2018, arXiv:1804.11188). This is what the
    gates alone do; the recurrent matrices are in the Lyapunov exponents.

    Args:
        means: As in `Gates`; only gates that hold the state are used.
    """
    return {name: -1 / means[name].log() for name in MEMORY_GATES if name in means}
