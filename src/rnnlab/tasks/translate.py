"""Translation: target texts that are judged by BLEU."""

from collections.abc import Sequence
from typing import Annotated, Any

from annotated_types import Gt, Le
from torch import Tensor

from rnnlab.data.batch import IGNORE, Batch
from rnnlab.data.spec import Spec, Split
from rnnlab.nn.encoded import Encoded
from rnnlab.nn.encoder import Encoder
from rnnlab.nn.metrics import Bleu
from rnnlab.tasks.base import need_steps
from rnnlab.tasks.seq2seq import NumBeams, SequenceToSequence

EXTRA_LENGTH = 10
"""Tokens that a translation may be longer than `max_ratio` times its source."""


class Translate(SequenceToSequence):
    """A text for a text, judged by BLEU.

    Metrics: `bleu`, `bleu_lower` (0 - 100, see `Bleu`) of searched translations, and `perplexity`,
    the exponential of the mean negative log-likelihood of a reference token, without label
    smoothing. References are the texts given to `start`; without them, the target tokens joined
    again, which is the same text only where no token is `<unk>` and the tokeniser is lossless.

    Args:
        encoder: See `SequenceToSequence`.
        spec: See `SequenceToSequence`.
        val_num_beams: Width of the beam search on the validation split.
        max_ratio: Tokens of a translation at most, per token of its source; 10 more are allowed.
        **options: Those of `SequenceToSequence`.

    Raises:
        ConfigError: An encoder that does not keep the steps.
    """

    monitor = "bleu"

    def __init__(
        self,
        encoder: Encoder,
        spec: Spec,
        *,
        val_num_beams: NumBeams = 1,
        max_ratio: Annotated[float, Gt(0), Le(1000)] = 2.0,
        **options: Any,
    ) -> None:
        super().__init__(encoder, spec, **options)
        need_steps(encoder)
        self.val_num_beams = val_num_beams
        self.max_ratio = max_ratio
        self.bleu = Bleu()
        self._split: Split = "test"
        self._texts: Sequence[str] | None = None
        self._seen = 0

    def start(self, split: Split, texts: Sequence[str] | None) -> None:
        """Reset, with the width of the search and the references for the batches to come."""
        self._split, self._texts = split, texts
        self._reset()

    def update(self, encoded: Encoded, batch: Batch) -> None:
        """Translate a batch and compare; a blank source is answered with an empty text.

        Raises:
            RuntimeError: More sentences than texts were given to `start`.
        """
        super().update(encoded, batch)
        beams = self.val_num_beams if self._split == "val" else self.num_beams
        texts = self.translations(encoded, beams)
        if batch.blank is not None:
            blank = batch.blank.tolist()
            texts = [self.empty() if b else t for b, t in zip(blank, texts, strict=True)]
        self.bleu.update(texts, self._references(batch))

    def compute(self) -> dict[str, float]:
        """`bleu`, `bleu_lower` and `perplexity`."""
        metrics = self.bleu.compute() | {"perplexity": float(self.scores.compute().exp())}
        self._reset()
        return metrics

    def signatures(self) -> dict[str, str]:
        """SacreBLEU's signatures of `bleu` and `bleu_lower`."""
        return self.bleu.signatures()

    def max_length(self, encoded: Encoded) -> Tensor:
        """In proportion to the source, and `max_new_tokens` in any case."""
        longest = (self.max_ratio * encoded.lengths).long() + EXTRA_LENGTH
        return longest.clamp(max=self.max_new_tokens)

    def _reset(self) -> None:
        self.bleu.reset()
        self.scores.reset()
        self._seen = 0

    def _references(self, batch: Batch) -> list[str]:
        if self._texts is None:
            rows = [[i for i in row if i != IGNORE] for row in batch.target.tolist()]
            return [self.text(row[1:-1]) for row in rows]
        first, self._seen = self._seen, self._seen + len(batch)
        if self._seen > len(self._texts):
            raise RuntimeError(f"{len(self._texts)} reference texts, at least {self._seen} wanted")
        return list(self._texts[first : self._seen])
