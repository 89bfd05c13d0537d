"""One label a text, one tag a word: the same heads over either encoder."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from baselines.encoders import Packed
from baselines.loop import IGNORE


class Classifier(nn.Module):
    """One label a text, from the largest value of each feature over its steps.

    Args:
        encoder: Reads the words.
        labels: Number of labels.
    """

    def __init__(self, encoder: Packed, labels: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.size, labels)

    def forward(self, text: Tensor, lengths: Tensor, label: Tensor) -> Tensor:
        """The loss of a batch."""
        outputs = self.encoder(text, lengths, padding=-torch.inf)
        return functional.cross_entropy(self.head(outputs.max(dim=1).values), label)


class Tagger(nn.Module):
    """One tag a word; arguments as those of `Classifier`."""

    def __init__(self, encoder: Packed, labels: int) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = nn.Linear(encoder.size, labels)

    def forward(self, text: Tensor, lengths: Tensor, tags: Tensor) -> Tensor:
        """The loss of a batch."""
        scores = self.head(self.encoder(text, lengths))
        return functional.cross_entropy(scores.flatten(0, 1), tags.flatten(), ignore_index=IGNORE)
