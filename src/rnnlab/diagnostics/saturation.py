"""Gates that are stuck open or shut, states at their bounds, and how long they last."""

from contextlib import ExitStack
from typing import Any

from lightning import LightningModule, Trainer

from rnnlab.data.batch import Batch
from rnnlab.diagnostics.board import board_of
from rnnlab.diagnostics.gates import gate_scalars, real_steps
from rnnlab.diagnostics.naming import record_layers
from rnnlab.diagnostics.periodic import PeriodicInstrument
from rnnlab.layers.base import Layer
from rnnlab.layers.trace import Trace


class Saturation(PeriodicInstrument):
    """Posts how gates and states of every recurrent layer are distributed, on sampled steps.

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
                                   | forget gate or a GRU's update gate falls to 1/e
    gate/<layer>/h/norm, c/norm    | mean Euclidean norm of the parts of the state

    <layer> as `encoder.0.forward` or `task.decoder.0`. Under accumulation the first batch of a
    sampled step is measured; of several processes the first one, by its own batch.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._stack = ExitStack()
        self._traces: list[tuple[str, Layer, Trace]] = []
        self._batch: Batch | None = None

    def on_train_batch_start(
        self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int
    ) -> None:
        """Record the forward pass, where it is due."""
        if not trainer.is_global_zero or not self.is_due(trainer):
            return
        self._batch = batch
        self._traces = record_layers(pl_module, self._stack)

    def on_before_backward(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Measure what was recorded; the weights are still those of the forward pass."""
        self._stack.close()
        traces, self._traces = self._traces, []
        if traces:
            assert self._batch is not None
            board = board_of(trainer)
            with self.timed(trainer):
                for name, layer, trace in traces:
                    valid = real_steps(trace, self._batch)
                    board.post(gate_scalars(f"gate/{name}", layer.gate_values(trace), valid))
        self._batch = None

    def on_exception(self, *_: Any) -> None:
        """Stop recording."""
        self._stack.close()
