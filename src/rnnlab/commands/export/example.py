"""A batch to trace a model with; its numbers mean nothing."""

import torch

from rnnlab.data.batch import Batch, WordCharacters
from rnnlab.data.spec import Spec
from rnnlab.data.vocab import Vocab
from rnnlab.tasks.graphs import SIZES


def example_batch(spec: Spec) -> Batch:
    """A ragged batch as the model reads it."""
    batch, steps = SIZES["batch"], SIZES["steps"]
    inputs = torch.ones(batch, steps, dtype=torch.long)
    if not isinstance(spec.source, Vocab):
        inputs = torch.linspace(-1, 1, batch * steps * spec.source).view(batch, steps, -1)
    lengths = torch.arange(steps, steps - batch, -1)
    words = None
    if spec.characters is not None:
        count, longest = SIZES["words"], SIZES["characters"]
        words = WordCharacters(
            torch.arange(batch * steps).view(batch, steps) % count,
            torch.ones(count, longest, dtype=torch.long),
            torch.arange(longest, longest - count, -1),
        )
    return Batch(inputs, lengths, target=lengths.new_zeros(0), words=words)
