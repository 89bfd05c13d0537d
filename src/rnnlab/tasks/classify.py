"""One label a sequence: sentiment, the memory tasks with one answer."""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from rnnlab.config.types import Probability
from rnnlab.data.batch import Batch
from rnnlab.data.spec import Kind, Spec
from rnnlab.nn.attention import AttentionMap
from rnnlab.nn.encoded import Encoded
from rnnlab.nn.encoder import Encoder
from rnnlab.nn.label_scores import LabelScores
from rnnlab.nn.pooling import POOLINGS, AttentionPooling, PoolingKind
from rnnlab.tasks.base import Task, target_vocab


class Label(NamedTuple):
    """A predicted label and its probability."""

    label: str
    probability: float


class Classify(Task):
    """A label for the whole sequence, from its pooled outputs through a linear head.

    Metrics are those of `LabelScores`, predictions of type `Label`.

    Args:
        encoder: Its `output_size` decides the head's.
        spec: Its target is the vocabulary of labels.
        pooling: How the steps' outputs become one vector.
        dropout: Probability of zeroing a feature of the pooled vector.
        label_smoothing: Share of the target's probability that is spread over all labels.
    """

    kind: ClassVar[Kind] = "label"
    monitor = "accuracy"

    def __init__(
        self,
        encoder: Encoder,
        spec: Spec,
        *,
        pooling: PoolingKind = "max",
        dropout: Probability = 0.0,
        label_smoothing: Probability = 0.0,
    ) -> None:
        super().__init__(encoder, spec)
        self.labels = target_vocab(spec).tokens
        self.label_smoothing = label_smoothing
        self.pooling = POOLINGS[pooling](encoder.output_size)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.output_size, len(self.labels))
        self.scores = LabelScores(self.labels)

    def logits(self, encoded: Encoded) -> Float[Tensor, "B K"]:
        """Unnormalised log-probabilities of the labels."""
        logits: Tensor = self.head(self.dropout(self.pooling(encoded)))
        return logits

    def loss(self, encoded: Encoded, batch: Batch) -> Float[Tensor, ""]:
        """Cross entropy in nats with smoothed labels, the mean over the batch's sequences."""
        logits = self.logits(encoded)
        return functional.cross_entropy(logits, batch.target, label_smoothing=self.label_smoothing)

    def update(self, encoded: Encoded, batch: Batch) -> None:
        """Add a batch to the running metrics."""
        self.scores.update(self.logits(encoded).argmax(dim=1), batch.target)

    def attention_map(self, encoded: Encoded, batch: Batch) -> AttentionMap | None:
        """One query a sequence, with `pooling=attention`; labelled with the true label."""
        if not isinstance(self.pooling, AttentionPooling):
            return None
        rows = [[self.labels[label]] for label in batch.target.tolist()]
        return AttentionMap(self.pooling.weights(encoded).unsqueeze(1), rows)

    def answers(self, encoded: Encoded) -> dict[str, Tensor]:
        """`probabilities` (B, K) of the labels."""
        return {"probabilities": self.logits(encoded).softmax(dim=1)}

    def decoding(self) -> dict[str, Any]:
        """The labels."""
        return {"kind": "labels", "labels": list(self.labels)}

    def predict(self, encoded: Encoded) -> list[Label]:
        """The most probable label of each sequence."""
        best = self.logits(encoded).float().softmax(dim=1).max(dim=1)
        pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [Label(self.labels[index], probability) for index, probability in pairs]

    def render(self, tokens: Sequence[str], prediction: Label) -> str:
        """`label<TAB>probability`."""
        return f"{prediction.label}\t{prediction.probability:.4f}"
