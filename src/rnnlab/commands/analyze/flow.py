"""Gradient of the loss in earlier states: dL/dh_t against the lag, on real batches."""

from collections.abc import Sequence
from contextlib import ExitStack

from torch import nn

from rnnlab.data.batch import Batch
from rnnlab.diagnostics.stats import Curve
from rnnlab.diagnostics.time_flow import curves, watch_norms
from rnnlab.runs.build import Model


def loss_flow(model: Model, batches: Sequence[Batch]) -> dict[str, Curve]:
    """Curves of all recurrent layers, by names such as `encoder.0.forward` and, of c, `.../cell`.

    Args:
        model: In evaluation mode; its parameters have no gradients afterwards.
        batches: Batches, each with its own backward pass.
    """
    both = nn.ModuleDict({"encoder": model.encoder, "task": model.task})
    with ExitStack() as stack:
        seen = watch_norms(both, stack)
        for batch in batches:
            encoded = model.encoder(batch.inputs, batch.lengths, batch.words)
            model.task.loss(encoded, batch).backward()  # type: ignore[no-untyped-call]
    both.zero_grad(set_to_none=True)
    return curves(seen)
