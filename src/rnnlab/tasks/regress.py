"""Real numbers from a sequence: the adding task."""

from collections.abc import Sequence
from typing import Any, ClassVar

from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics import MeanAbsoluteError, MeanSquaredError, MetricCollection

from rnnlab.data.batch import Batch
from rnnlab.data.spec import Kind, Spec
from rnnlab.nn.encoded import Encoded
from rnnlab.nn.encoder import Encoder
from rnnlab.nn.label_scores import Facts
from rnnlab.tasks.base import Task


class Regress(Task):
    """Values for the whole sequence, from its final output through a linear head.

    Metrics: mean squared (`mse`) and mean absolute (`mae`) error. Predictions are lists of
    numbers.

    Args:
        encoder: Its `output_size` decides the head's.
        spec: Its target is the number of values K.
    """

    kind: ClassVar[Kind] = "values"
    monitor = "mse"
    mode = "min"

    def __init__(self, encoder: Encoder, spec: Spec) -> None:
        super().__init__(encoder, spec)
        self.head = nn.Linear(encoder.output_size, spec.target_size)
        self.scores = MetricCollection({"mse": MeanSquaredError(), "mae": MeanAbsoluteError()})
        self.rival = MeanSquaredError()
        self.mean: Tensor | None
        self.register_buffer("mean", None, persistent=False)

    def set_rival(self, prior: Tensor) -> None:
        """See the base class: the mean of the training values."""
        self.mean = prior

    def values(self, encoded: Encoded) -> Float[Tensor, "B K"]:
        """Predicted values, in the precision of the weights."""
        values: Tensor = self.head(encoded.final)
        return values.to(self.head.weight)

    def loss(self, encoded: Encoded, batch: Batch) -> Float[Tensor, ""]:
        """Squared error, the mean over sequences and values."""
        return functional.mse_loss(self.values(encoded), batch.target)

    def update(self, encoded: Encoded, batch: Batch) -> None:
        """Add a batch to the running metrics."""
        self.scores.update(self.values(encoded), batch.target)
        if self.mean is not None:
            self.rival.update(self.mean.expand_as(batch.target).contiguous(), batch.target)

    def compute(self) -> dict[str, float]:
        """`mse` and `mae`."""
        scores = super().compute()
        if self.mean is not None:
            self.facts = Facts(
                float(self.rival.compute()), answer="the mean of the training values"
            )
            self.rival.reset()
        return scores

    def answers(self, encoded: Encoded) -> dict[str, Tensor]:
        """`values` (B, K)."""
        return {"values": self.values(encoded)}

    def decoding(self) -> dict[str, Any]:
        """Nothing but the kind."""
        return {"kind": "values"}

    def predict(self, encoded: Encoded) -> list[list[float]]:
        """The values of each sequence."""
        rows: list[list[float]] = self.values(encoded).tolist()
        return rows

    def render(self, tokens: Sequence[str], prediction: list[float]) -> str:
        """The values with six significant digits, a tab between them."""
        return "\t".join(f"{value:.6g}" for value in prediction)
