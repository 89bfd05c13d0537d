"""A label that all steps vote for."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from rnnlab.config.types import Probability
from rnnlab.data.batch import Batch
from rnnlab.data.spec import Kind, Spec
from rnnlab.nn.encoded import Encoded
from rnnlab.nn.encoder import Encoder
from rnnlab.nn.pooling import MeanPooling
from rnnlab.tasks.base import Task, target_vocab


class Vote(Task):
    """A label for the whole sequence: the mean of what each step says.

    Predictions are labels.

    Args:
        encoder: Its `output_size` decides the head's.
        spec: Its target is the vocabulary of labels.
        label_smoothing: Share of the target's probability that is spread over all labels.
    """

    kind: ClassVar[Kind] = "label"
    monitor = "accuracy"
    mode: Literal["max", "min"] = "max"

    def __init__(self, encoder: Encoder, spec: Spec, *, label_smoothing: Probability = 0.0) -> None:
        super().__init__(encoder, spec)
        self.labels = target_vocab(spec).tokens
        self.label_smoothing = label_smoothing
        self.mean = MeanPooling(encoder.output_size)
        self.head = nn.Linear(encoder.output_size, len(self.labels))
        self.right = self.seen = 0

    def logits(self, encoded: Encoded) -> Float[Tensor, "B K"]:
        """Unnormalised log-probabilities of the labels."""
        logits: Tensor = self.head(self.mean(encoded))
        return logits

    def loss(self, encoded: Encoded, batch: Batch) -> Float[Tensor, ""]:
        """Cross entropy in nats, the mean over the batch's sequences."""
        logits = self.logits(encoded)
        return functional.cross_entropy(logits, batch.target, label_smoothing=self.label_smoothing)

    def units(self, batch: Batch) -> int:
        """Number of sequences."""
        return len(batch)

    def update(self, encoded: Encoded, batch: Batch) -> None:
        """Count a batch."""
        self.right += int((self.logits(encoded).argmax(dim=1) == batch.target).sum())
        self.seen += len(batch)

    def compute(self) -> dict[str, float]:
        """`accuracy`, 0 to 1, since the last call."""
        accuracy = self.right / self.seen
        self.right = self.seen = 0
        return {"accuracy": accuracy}

    def predict(self, encoded: Encoded) -> list[str]:
        """The label of each sequence."""
        return [self.labels[index] for index in self.logits(encoded).argmax(dim=1).tolist()]

    def empty(self) -> None:
        """No answer of its own."""

    def render(self, tokens: Sequence[str], prediction: str) -> str:
        """The label."""
        return prediction
