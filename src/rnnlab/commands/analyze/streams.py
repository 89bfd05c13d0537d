"""Long streams of inputs of a layer, joined from the sequences that it read."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor


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
    shares = [order[s::streams] for s in range(min(streams, len(sequences)))]
    columns, starts, used, most = [], [], set(), 0
    for share in shares:
        pieces: list[Tensor] = []
        length = passes = 0
        while length < steps:
            again = torch.randperm(len(share), generator=generator).tolist()
            passes += 1
            for index in (share[i] for i in again):
                used.add(index)
                pieces.append(sequences[index])
                length += len(pieces[-1])
                if length >= steps:
                    break
        first = torch.cat([torch.arange(len(piece)) == 0 for piece in pieces])
        columns.append(torch.cat(pieces)[:steps])
        starts.append(first[:steps])
        most = max(most, passes)
    return Streams(torch.stack(columns, 1), torch.stack(starts, 1), len(used), most)
