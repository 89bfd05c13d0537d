"""What the gates of a layer do on real inputs: how long each unit remembers."""

from collections.abc import Mapping, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from rnnlab.layers.base import Layer
from rnnlab.layers.trace import Trace

HOLDING = ("forget", "update")
"""Gates that say which share of a state is kept for the next step, of an LSTM and a GRU."""


@torch.no_grad()
def mean_gates(layer: Layer, traces: Sequence[Trace]) -> dict[str, Float[Tensor, "H"]]:
    """Mean value of each unit's sigmoid gates over all real steps, in float64.

    Empty for a cell that does not say what its gates were (see `Layer.gate_values`).
    """
    sums: dict[str, Tensor] = {}
    count = 0
    for trace in traces:
        values = layer.gate_values(trace)
        count += int(values.valid.sum())
        for name, gate in values.sigmoids.items():
            sums[name] = sums.get(name, 0.0) + gate[values.valid].double().sum(0)
    return {name: total / count for name, total in sums.items()}


def time_scales(means: Mapping[str, Float[Tensor, "H"]]) -> dict[str, Float[Tensor, "H"]]:
    """Steps after which a unit has forgotten all but 1/e, were its gate always at its mean.

    -1 / log(mean f) for an LSTM's forget gate f, and the same of a GRU's update gate z, the share
    of the state that is kept (Tallec and Ollivier 2018, arXiv:1804.11188). It is what the gates
    alone do: what comes back through the recurrent matrices is in the Lyapunov exponents.

    Args:
        means: Of `mean_gates`; other gates than the holding ones are left out.
    """
    return {name: -1 / means[name].log() for name in HOLDING if name in means}
