"""Gates that are stuck open or shut, states at their bounds, and how long they last."""

from typing import Any

import torch
from jaxtyping import Bool
from lightning import LightningModule, Trainer
from torch import Tensor

from rnnlab.data.batch import Batch
from rnnlab.diagnostics.board import board_of
from rnnlab.diagnostics.heads import head_scalars
from rnnlab.diagnostics.naming import real_steps, record_layers
from rnnlab.diagnostics.periodic import PeriodicInstrument
from rnnlab.layers.base import Layer
from rnnlab.layers.trace import GateValues, Trace
from rnnlab.training.module import SequenceModule

SHUT, OPEN, BOUND = 0.05, 0.95, 0.97
"""Gates below SHUT or above OPEN hardly learn, nor does a tanh beyond BOUND in magnitude."""

MEMORY_GATES = ("forget", "update")
"""Gates, of an LSTM and a GRU, whose value is the share of a state that the next step keeps."""

STATES = ("h", "c")
"""Names of the first parts of a state."""


class Saturation(PeriodicInstrument):
    """Posts how gates, states and attention heads of every layer are distributed, sampled.

    The training's own forward pass is recorded (see `Layer.record`), and its gates are computed
    again for all steps at once; nothing is copied to the host here, and on the steps between
    nothing is done. All figures are over the real steps of all sequences of one batch.

    Key                            | Meaning
    gate/<layer>/<gate>/low        | share of a sigmoid's values below 0.05
    gate/<layer>/<gate>/high       | share above 0.95
    gate/<layer>/<gate>/mean       | their mean
    gate/<layer>/<name>/saturated  | share of a tanh's values beyond 0.97 in magnitude; <name> a
                                   | gate, or `state` for the tanh of an LSTM's cell state
    gate/<layer>/memory            | -1 / log(mean): steps in which a state held by an LSTM's
                                   | forget gate or a GRU's update gate falls to 1/e; infinite
                                   | where that is 1 in all digits
    gate/<layer>/h/norm, c/norm    | mean Euclidean norm of the parts of the state
    head/<layer>/<n>/entropy       | of an attention's head: mean entropy of its weights, in nats
    head/<layer>/<n>/evenness      | the same over the largest possible: 1 looks at all alike
    head/<layer>/<n>/distance      | mean number of steps to what it looks at, by weight
    head/<layer>/<n>/logit         | largest magnitude before the softmax

    <layer> as `encoder.0.forward` or `task.decoder.0`. Under accumulation the first batch of a
    sampled step is measured; of several processes the first one, by its own batch.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._traces: list[tuple[str, Layer, Trace]] = []
        self._batch: Batch | None = None

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Record the forward pass, where it is due."""
        if not trainer.is_global_zero or not self.is_due(trainer):
            return
        assert isinstance(pl_module, SequenceModule)
        self._batch = batch
        pl_module.observers.add(record_layers(pl_module, self._traces))

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Measure what was recorded."""
        traces, self._traces = self._traces, []
        if traces:
            assert self._batch is not None
            board = board_of(trainer)
            with self.timed(trainer):
                for name, layer, trace in traces:
                    valid = real_steps(trace, self._batch)
                    values = layer.gate_values(trace)
                    board.post(gate_scalars(f"gate/{name}", values, valid))
                    if values.heads is not None:
                        board.post(head_scalars(f"head/{name}", values.heads, valid))
        self._batch = None


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
            result[f"{prefix}/memory"] = 1 / average.log().abs()  # of an open gate: infinite
    for name, bounded in values.tanhs.items():
        result[f"{prefix}/{name}/saturated"] = mean(bounded.abs() > BOUND)
    for name, state in zip(STATES, values.states, strict=False):
        norms = torch.linalg.vector_norm(state.flatten(2), dim=2, keepdim=True)
        result[f"{prefix}/{name}/norm"] = mean(norms)
    return result
