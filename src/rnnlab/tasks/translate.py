"""Translation: target texts that are judged by BLEU."""

from typing import Annotated, Any

from annotated_types import Gt, Le
from torch import Tensor

from rnnlab.data.batch import Batch
from rnnlab.data.spec import Spec
from rnnlab.nn.encoded import Encoded
from rnnlab.nn.encoder import Encoder
from rnnlab.nn.text_scores import Bleu
from rnnlab.tasks.scored_texts import ScoredTexts
from rnnlab.tasks.seq2seq import SequenceToSequence

EXTRA_LENGTH = 10
"""Tokens that a translation may be longer than `max_ratio` times its source."""


class Translate(ScoredTexts):
    """A text for a text, judged by BLEU.

    Metrics: `bleu`, `bleu_lower` (0 - 100, see `Bleu`) of searched translations, and `perplexity`,
    the exponential of the mean negative log-likelihood of a reference token, without label
    smoothing.

    Args:
        encoder: See `SequenceToSequence`.
        spec: See `SequenceToSequence`.
        max_ratio: Tokens of a translation at most, per token of its source; 10 more are allowed.
        **options: Those of `ScoredTexts`.
    """

    monitor = "bleu"

    def __init__(
        self,
        encoder: Encoder,
        spec: Spec,
        *,
        max_ratio: Annotated[float, Gt(0), Le(1000)] = 2.0,
        **options: Any,
    ) -> None:
        super().__init__(encoder, spec, **options)
        self.max_ratio = max_ratio
        self.text_scores = Bleu()

    def update(self, encoded: Encoded, batch: Batch) -> None:
        """Add a batch to the mean negative log-likelihood, and its translations."""
        SequenceToSequence.update(self, encoded, batch)
        super().update(encoded, batch)

    def compute(self) -> dict[str, float]:
        """`bleu`, `bleu_lower` and `perplexity`."""
        perplexity = float(self.scores.compute().exp())
        return super().compute() | {"perplexity": perplexity}

    def max_length(self, encoded: Encoded) -> Tensor:
        """In proportion to the source, and `max_new_tokens` in any case."""
        longest = (self.max_ratio * encoded.lengths).long() + EXTRA_LENGTH
        return longest.clamp(max=self.max_new_tokens)
