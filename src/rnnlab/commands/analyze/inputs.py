"""What the recurrent layers of an encoder read, joined to long streams."""

import math
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from rnnlab.data.batch import Batch
from rnnlab.diagnostics.naming import recurrent_layers
from rnnlab.layers.base import Layer
from rnnlab.layers.trace import Trace

Traces = dict[str, list[Trace]]
"""Forward passes of each layer, in the order of the batches."""


@dataclass(frozen=True)
class Streams:
    """Joined sequences, several streams side by side.

    Attributes:
        inputs: (T, S, D), time first.
        starts: Where a sequence begins (T, S).
        sequences: Number of different sequences in them.
        passes: How often the sequences of a stream were repeated, at most.
    """

    inputs: Float[Tensor, "T S D"]
    starts: Bool[Tensor, "T S"]
    sequences: int
    passes: int


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
            stack.enter_context(layer.record(partial(_keep, traces[name])))
        for batch in batches:
            if len(taken) >= least and sum(int(b.lengths.sum()) for b in taken) >= steps:
                break
            taken.append(batch)
            encoder(batch.inputs, batch.lengths, batch.words)
    return traces, taken


def _keep(traces: list[Trace], trace: Trace) -> None:
    """Keep a trace on the CPU."""
    lengths = None if trace.lengths is None else trace.lengths.cpu()
    initial = tuple(part.cpu() for part in trace.initial)
    weights = {name: weight.cpu() for name, weight in trace.weights.items()}
    traces.append(Trace(trace.inputs.cpu(), lengths, initial, trace.outputs.cpu(), weights))


def sequences(traces: Iterable[Trace]) -> list[Tensor]:
    """The inputs (L, D) of every sequence, without padding."""
    return [x[mask] for trace in traces for x, mask in zip(trace.inputs, trace.valid, strict=True)]


def join(
    sequences: Sequence[Float[Tensor, "L D"]], *, steps: int, streams: int, seed: int
) -> Streams:
    """Join sequences to streams of `steps` steps.

    No sequence is in two streams, so that differences between streams show how much the choice of
    sequences matters. A stream with too few sequences repeats them in another order.

    Args:
        sequences: Inputs of a layer, each in the order in which it is read.
        steps: Length T of every stream.
        streams: Number of streams, at most the number of sequences.
        seed: Decides the order.
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(sequences), generator=generator).tolist()
    columns, starts, used, most = [], [], set(), 0
    for stream in range(min(streams, len(sequences))):
        share = order[stream::streams]
        passes = math.ceil(steps / sum(len(sequences[index]) for index in share))
        places = [torch.randperm(len(share), generator=generator) for _ in range(passes)]
        taken = [share[place] for place in torch.cat(places).tolist()]
        columns.append(torch.cat([sequences[index] for index in taken])[:steps])
        first = torch.cat([torch.arange(len(sequences[index])) == 0 for index in taken])[:steps]
        starts.append(first)
        used.update(taken[: int(first.sum())])
        most = max(most, passes)
    return Streams(torch.stack(columns, 1), torch.stack(starts, 1), len(used), most)
