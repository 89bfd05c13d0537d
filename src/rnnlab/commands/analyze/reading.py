"""Inputs of the recurrent layers of an encoder, from real batches."""

from collections.abc import Iterable
from contextlib import ExitStack

import torch
from torch import Tensor, nn

from rnnlab.data.batch import Batch
from rnnlab.diagnostics.naming import recurrent_layers
from rnnlab.layers.base import Layer
from rnnlab.layers.trace import Trace

Traces = dict[str, list[Trace]]
"""Forward passes of each layer, in the order of the batches."""


def encoder_layers(encoder: nn.Module) -> dict[str, Layer]:
    """Recurrent layers of an encoder but its embedding, by names such as `encoder.0.forward`."""
    return {
        f"encoder.{name}": layer
        for name, layer in recurrent_layers(encoder).items()
        if not name.startswith("embedding.")
    }


@torch.no_grad()
def read(
    encoder: nn.Module, batches: Iterable[Batch], *, steps: int, least: int
) -> tuple[Traces, list[Batch]]:
    """Run an encoder over batches, and record what its layers read.

    Args:
        encoder: In evaluation mode.
        batches: As many are taken as are needed.
        steps: Steps that are needed, without padding.
        least: Batches to take even if fewer have enough steps.

    Returns:
        The traces and the batches.
    """
    layers = encoder_layers(encoder)
    traces: Traces = {name: [] for name in layers}
    taken: list[Batch] = []
    with ExitStack() as stack:
        for name, layer in layers.items():
            stack.enter_context(layer.record(traces[name].append))
        for batch in batches:
            if len(taken) >= least and sum(int(b.lengths.sum()) for b in taken) >= steps:
                break
            taken.append(batch)
            encoder(batch.inputs, batch.lengths, batch.words)
    return traces, taken


def sequences(traces: Iterable[Trace]) -> list[Tensor]:
    """The inputs (L, D) of every sequence, without padding."""
    found: list[Tensor] = []
    for trace in traces:
        lengths = trace.valid.sum(1).tolist()
        found += [x[:length] for x, length in zip(trace.inputs, lengths, strict=True)]
    return found
