"""How much the last state depends on earlier ones, whatever the task: ||dh_T/dh_{T-k}||."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Annotated, Any

import torch
from annotated_types import Ge, Le
from jaxtyping import Float
from lightning import LightningModule, Trainer
from torch import Tensor, nn

from rnnlab.config.types import PositiveInt
from rnnlab.data.batch import Batch
from rnnlab.diagnostics.curve_instrument import CurveInstrument
from rnnlab.diagnostics.naming import part_name, record_layers, recurrent_layers
from rnnlab.diagnostics.samples import fair_sample
from rnnlab.diagnostics.stats import Curve, curve_of
from rnnlab.layers.base import Layer
from rnnlab.layers.trace import Trace
from rnnlab.layers.watch import StateGradients
from rnnlab.nn.encoder import Encoder
from rnnlab.training.module import SequenceModule


class Memory(CurveInstrument):
    """Measures the memory curve of each layer of the encoder, on one fixed small batch.

    It is the same sequences and the same random directions throughout a run, and sequences of all
    lengths: spread evenly over the validation split (of a text that is one stream its beginning).
    Each measurement is a forward and a backward pass of its own, in evaluation mode, without the
    loss. It changes no weight, gradient, buffer or random number.

    Key                              | Meaning
    memory/<layer>/decades_per_step  | slope of log10 ||dh_T/dh_{T-k}||_F against the lag k; only
                                     | where a straight line describes the curve
    memory/<layer>/half_life         | steps in which it halves (or doubles); where there is a slope
    memory/<layer>/lag_of_tenth      | lag at which it first falls to a tenth of that at lag 0
    memory/<layer>/lag_of_hundredth  | the same of a hundredth; absent where it does not fall so far
    memory/<layer>/first_last_ratio  | at a sequence's first step over that at its last
    memory/<layer>/cell/...          | the same of dh_T/dc_{T-k}, c an LSTM's cell state

    Its curves are kept and drawn as `CurveInstrument` says.

    Args:
        sequences: Sequences that are measured, spread evenly over the validation split.
        probes: Random directions for each sequence; more of them, less noise.
    """

    name, prefix, quantity = "memory", "memory", "dh_T/dh"

    def __init__(
        self,
        *,
        every_n_steps: PositiveInt = 500,
        sequences: PositiveInt = 16,
        probes: Annotated[int, Ge(1), Le(1000)] = 4,
    ) -> None:
        super().__init__(every_n_steps=every_n_steps)
        self.sequences = sequences
        self.probes = probes
        self._batch: Batch | None = None

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Choose the sequences; continue the file of a resumed run."""
        super().on_train_start(trainer, pl_module)
        if trainer.is_global_zero:
            batch = fair_sample(trainer.datamodule, self.sequences)  # type: ignore[attr-defined]
            self._batch = batch.to(pl_module.device)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Measure before the optimiser step, where it is due."""
        assert isinstance(pl_module, SequenceModule)
        if self._batch is None or not self.is_due(trainer):
            return
        with self.timed(trainer):
            curves = memory_curves(pl_module.encoder, self._batch, probes=self.probes)
            self.add_curves(trainer, curves)


def memory_curves(encoder: Encoder, batch: Batch, *, probes: int = 4) -> dict[str, Curve]:
    """The memory curve of each recurrent layer and direction of an encoder, by its name.

    The encoder reads the batch in evaluation mode and full precision; each layer is then looked at
    alone, with the inputs that it had. An LSTM has a second curve, `<layer>/cell`: dh_T/dc_{T-k}.

    Args:
        encoder: It is left as it was.
        batch: On the encoder's device.
        probes: See `memory_curve`.
    """
    device = batch.inputs.device.type
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.autocast(device, enabled=False))
        stack.enter_context(evaluation_mode(encoder))
        traces: list[tuple[str, Layer, Trace]] = []
        with torch.no_grad(), record_layers(encoder.layers, traces):
            encoder(batch.inputs, batch.lengths, batch.words)
        read = {name: trace for name, _, trace in traces}
        return {
            part_name(f"encoder.{name}", part): curve
            for name, layer in recurrent_layers(encoder.layers).items()
            for part, curve in enumerate(memory_curve(layer, read[name], probes=probes))
        }


def memory_curve(layer: Layer, trace: Trace, *, probes: int = 4) -> tuple[Curve, ...]:
    """||dh_T/ds_{T-k}||_F against k, for each part s of a layer's state; h is its first part.

    For v ~ N(0, I), E ||v^T J||^2 = ||J||_F^2: the squares are averaged over several v, and the
    logarithm is taken of that. T is each sequence's own last step.

    Args:
        layer: One layer, one direction, in evaluation mode; its `.grad` are not touched.
        trace: What it read, from which state (see `Layer.record`).
        probes: Random directions v for each sequence, the same at each call.
    """
    size = trace.initial[0][0].numel()
    generator = torch.Generator().manual_seed(0)
    directions = torch.randn(probes, len(trace.inputs), size, generator=generator)
    norms = probe_norms(layer, trace, directions.to(trace.inputs))
    return tuple(curve_of(part.square().mean(0).sqrt().cpu().numpy()) for part in norms)


def probe_norms(
    layer: Layer, trace: Trace, directions: Float[Tensor, "P B H"]
) -> list[Float[Tensor, "P B T"]]:
    """||v^T dh_T/ds_t|| of each direction v, sequence and step, for each part s of the state."""
    count, batch = directions.shape[:2]
    seen: list[StateGradients] = []
    with torch.enable_grad():
        inputs = trace.inputs.repeat(count, 1, 1).requires_grad_()
        lengths = None if trace.lengths is None else trace.lengths.repeat(count)
        start = tuple(part.repeat(count, *[1] * (part.dim() - 1)) for part in trace.initial)
        with layer.watch(seen.append):
            _, final = layer(inputs, lengths, start)
        projected = (final[0].flatten(1) * directions.flatten(0, 1)).sum()
    torch.autograd.grad(projected, inputs)  # not of the weights: their `.grad` stays as it is
    return [norms.view(count, batch, -1) for norms in seen[0].norms()]


@contextmanager
def evaluation_mode(module: nn.Module) -> Iterator[None]:
    """No dropout in a `with` block; afterwards each part is in the mode it was in."""
    modes = {part: part.training for part in module.modules()}
    module.eval()
    try:
        yield
    finally:
        for part, training in modes.items():
            part.training = training
