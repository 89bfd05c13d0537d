"""How probable a language model finds lines of text."""

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from rnnlab.nn.encoded import Encoded
from rnnlab.nn.encoder import Encoder
from rnnlab.tasks.base import TextScore

AT_ONCE = 1024
"""Steps whose probabilities of all tokens are in memory together."""


def line_scores(
    encoder: Encoder, logits: Callable[[Tensor], Tensor], lines: Sequence[Tensor]
) -> list[TextScore]:
    """The probability of each line, given its first token.

    Args:
        encoder: Reads left to right.
        logits: Of the next token after each of its outputs.
        lines: Ids (L,) of each, on the encoder's device.
    """
    lengths = torch.tensor([len(line) - 1 for line in lines], device=lines[0].device)
    inputs, target = (
        nn.utils.rnn.pad_sequence(part, batch_first=True)
        for part in ([line[:-1] for line in lines], [line[1:] for line in lines])
    )
    encoded: Encoded = encoder(inputs, lengths)
    features, ids = encoded.outputs[encoded.mask], target[encoded.mask]
    chosen = [
        logits(some).float().log_softmax(1).gather(1, wanted.unsqueeze(1)).squeeze(1)
        for some, wanted in zip(
            torch.split(features, AT_ONCE), torch.split(ids, AT_ONCE), strict=True
        )
    ]
    each = torch.split(torch.cat(chosen).double(), lengths.tolist())
    sums = [float(part.sum()) for part in each]
    return [
        TextScore(total, math.exp(min(-total / count, 700.0)))
        for total, count in zip(sums, lengths.tolist(), strict=True)
    ]
