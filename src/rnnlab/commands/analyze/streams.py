"""Long streams of a layer's real inputs, made of the sequences that it read."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor


@dataclass(frozen=True)
class Streams:
    """Sequences one behind the other, several streams side by side.

    Attributes:
        inputs: (T, S, D), time first.
        starts: Where a sequence begins (T, S).
        sequences: Different sequences that they are made of.
        passes: How often the shortest share of sequences was read, in part or whole.
    """

    inputs: Float[Tensor, "T S D"]
    starts: Bool[Tensor, "T S"]
    sequences: int
    passes: int


def join(
    sequences: Sequence[Float[Tensor, "L D"]], *, steps: int, streams: int, seed: int
) -> Streams:
    """Join sequences to streams of so many steps.

    No sequence goes into two streams, so that differences between the streams say how much the
    choice of the sequences matters. Where a stream's share is too short it is read again, in
    another order.

    Args:
        sequences: Inputs of a layer, each in the order in which it reads them.
        steps: Length T of every stream.
        streams: How many; fewer where there are fewer sequences.
        seed: Of the order.
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
