"""One label a sequence: sentiment, the memory tasks with one answer."""

from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from rnnlab.config.types import Probability
from rnnlab.data.batch import Batch
from rnnlab.data.examples import Examples
from rnnlab.data.spec import Kind, Spec, Split
from rnnlab.data.stream import Stream
from rnnlab.nn.attention import AttentionMap
from rnnlab.nn.class_weights import ClassWeights, Weights
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
        class_weights: How much each label counts in the losses, not in the metrics: all the same,
            `balanced` (rare ones more, inversely to their number in the training data, as in
            scikit-learn), or a list of weights in the order of the labels.
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
        class_weights: Weights = "none",
    ) -> None:
        super().__init__(encoder, spec)
        self.labels = target_vocab(spec).tokens
        self.label_smoothing = label_smoothing
        self.class_weights = ClassWeights(class_weights, self.labels, "label")
        self.pooling = POOLINGS[pooling](encoder.output_size)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.output_size, len(self.labels))
        self.scores = LabelScores(self.labels)

    def logits(self, encoded: Encoded) -> Float[Tensor, "B K"]:
        """Unnormalised log-probabilities of the labels."""
        logits: Tensor = self.head(self.dropout(self.pooling(encoded)))
        return logits

    def loss(self, encoded: Encoded, batch: Batch) -> Float[Tensor, ""]:
        """Cross entropy in nats with smoothed labels, the mean over the batch's sequences.

        With `class_weights` the weighted mean, as torch's `cross_entropy(weight=...)` has it: the
        sum over the sequences, divided by the sum of the weights of their labels.
        """
        logits = self.logits(encoded)
        return functional.cross_entropy(
            logits, batch.target, self.class_weights(), label_smoothing=self.label_smoothing
        )

    def units(self, batch: Batch) -> int | Tensor:
        """Number of sequences; with `class_weights` the sum of the weights of their labels."""
        weights = self.class_weights
        return len(batch) if weights() is None else weights.total(batch.target)

    def set_rival(self, prior: Tensor) -> None:
        """See the base class: the weights of the labels."""
        self.class_weights.set_counts(prior)

    def remarks(self, split: Split, examples: Examples | Stream) -> list[str]:
        """See the base class; the weights of the labels."""
        return self.class_weights.remarks() if split == "train" else []

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
