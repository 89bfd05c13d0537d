"""One tag a step: named entities, parts of speech, copying."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import ClassVar, Literal

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from rnnlab.data.batch import IGNORE, Batch
from rnnlab.data.iob import is_iob
from rnnlab.data.spec import Kind, Spec
from rnnlab.encoder import Encoded, Encoder
from rnnlab.errors import ConfigError
from rnnlab.nn.entities import EntityF1, valid_iob2
from rnnlab.nn.metrics import StepAccuracy
from rnnlab.tasks.base import Task, target_vocab


class Tag(Task):
    """A tag for each step, from its output through a linear head.

    Steps whose target is `IGNORE` have no part in loss and metrics. Predictions are lists of tags,
    one a step.

    Args:
        encoder: Its `output_size` decides the head's.
        spec: Its target is the vocabulary of tags.
        dropout: Probability of zeroing a feature of a step's output.
        metric: `entity` for IOB tags: predictions are mended into valid IOB2, and precision,
            recall and F1 of entities are reported, F1 decides. `accuracy` for any tags.

    Raises:
        ConfigError: `entity` with tags that are not IOB.
    """

    kind: ClassVar[Kind] = "tags"
    mode: Literal["max", "min"] = "max"

    def __init__(
        self,
        encoder: Encoder,
        spec: Spec,
        *,
        dropout: float = 0.0,
        metric: Literal["entity", "accuracy"] = "entity",
    ) -> None:
        super().__init__(encoder, spec)
        self.tags = target_vocab(spec).tokens
        self.entities = metric == "entity"
        if self.entities and not is_iob(self.tags):
            strange = next(tag for tag in self.tags if not is_iob([tag]))
            raise ConfigError(
                f"task.metric: 'entity' needs tags O, B-TYPE and I-TYPE, the data has {strange!r}; "
                "choose accuracy"
            )
        self.monitor = "f1" if self.entities else "accuracy"
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.output_size, len(self.tags))
        self.scores = EntityF1(self.tags) if self.entities else StepAccuracy()

    def logits(self, encoded: Encoded) -> Float[Tensor, "B T K"]:
        """Unnormalised log-probabilities of each step's tags."""
        logits: Tensor = self.head(self.dropout(encoded.outputs))
        return logits

    def loss(self, encoded: Encoded, batch: Batch) -> Float[Tensor, ""]:
        """Cross entropy in nats, the mean over the batch's steps with a target."""
        logits = self.logits(encoded).flatten(0, 1)
        return functional.cross_entropy(logits, batch.target.flatten(), ignore_index=IGNORE)

    def units(self, batch: Batch) -> Int[Tensor, ""]:
        """Number of steps with a target."""
        return (batch.target != IGNORE).sum()

    def update(self, encoded: Encoded, batch: Batch) -> None:
        """Add a batch to the running metrics."""
        self.scores.update(self.logits(encoded).argmax(dim=2), batch.target)

    def compute(self) -> dict[str, float]:
        """`accuracy`, and with entities `precision`, `recall`, `f1` and `f1_TYPE`; 0 to 1."""
        scores = {name: float(value) for name, value in self.scores.compute().items()}
        self.scores.reset()
        return scores

    def predict(self, encoded: Encoded) -> list[list[str]]:
        """The most probable tag of each step, mended into valid IOB2 where tags are entities."""
        rows = self.logits(encoded).argmax(dim=2).tolist()
        tags = [
            [self.tags[index] for index in row[:length]]
            for row, length in zip(rows, encoded.lengths.tolist(), strict=True)
        ]
        return [valid_iob2(row) for row in tags] if self.entities else tags

    def empty(self) -> list[str]:
        """No tag."""
        return []

    def render(self, tokens: Sequence[str], prediction: list[str]) -> str:
        """CoNLL columns: `token tag`, one a line, each with its end, so that a blank line follows.

        Tokens that stood beyond the model's `max_length` get `O`.
        """
        return "".join(
            f"{token} {tag}\n" for token, tag in zip_longest(tokens, prediction, fillvalue="O")
        )
