"""How gates and states are distributed: pure functions of what a layer did."""

import torch
from jaxtyping import Bool
from torch import Tensor

from rnnlab.data.batch import Batch, valid_mask
from rnnlab.layers.trace import GateValues, Trace

SHUT, OPEN, BOUND = 0.05, 0.95, 0.97
"""Gates below SHUT or above OPEN hardly learn, nor does a tanh beyond BOUND in magnitude."""

MEMORY_GATES = ("forget", "update")
"""Gates, of an LSTM and a GRU, whose value is the share of a state that the next step keeps."""

STATES = ("h", "c")
"""Names of the first parts of a state."""


def real_steps(trace: Trace, batch: Batch) -> Bool[Tensor, "B T"]:
    """The steps at which a layer read no padding.

    A decoder reads its target without lengths, since padding behind it does no harm: it reads all
    tokens but the last one.
    """
    if trace.lengths is None and batch.target_lengths is not None:
        return valid_mask(batch.target_lengths - 1, trace.outputs.shape[1])
    return trace.valid


@torch.no_grad()
def gate_scalars(prefix: str, values: GateValues, valid: Bool[Tensor, "B T"]) -> dict[str, Tensor]:
    """The scalars of one layer, 0-dimensional, by board key.

    Args:
        prefix: Of the keys.
        values: What `Layer.gate_values` gives.
        valid: True on the steps that count.
    """
    steps = valid.unsqueeze(2)
    count = valid.sum()

    def mean(of: Tensor) -> Tensor:
        return torch.where(steps, of, 0).sum(dtype=torch.float32) / (count * of.shape[2])

    result: dict[str, Tensor] = {}
    for name, gate in values.sigmoids.items():
        result[f"{prefix}/{name}/low"] = mean(gate < SHUT)
        result[f"{prefix}/{name}/high"] = mean(gate > OPEN)
        result[f"{prefix}/{name}/mean"] = average = mean(gate)
        if name in MEMORY_GATES:
            result[f"{prefix}/memory"] = -1 / average.log()
    for name, bounded in values.tanhs.items():
        result[f"{prefix}/{name}/saturated"] = mean(bounded.abs() > BOUND)
    for name, state in zip(STATES, values.states, strict=False):
        norms = torch.linalg.vector_norm(state.flatten(2), dim=2, keepdim=True)
        result[f"{prefix}/{name}/norm"] = mean(norms)
    return result
