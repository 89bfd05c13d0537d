"""Written texts that are scored against those of the data."""

from collections.abc import Sequence
from typing import Any

from rnnlab.data.batch import IGNORE, Batch
from rnnlab.data.spec import Spec, Split
from rnnlab.nn.encoded import Encoded
from rnnlab.nn.encoder import Encoder
from rnnlab.nn.text_scores import TextScores
from rnnlab.tasks.base import need_steps
from rnnlab.tasks.seq2seq import NumBeams, SequenceToSequence


class ScoredTexts(SequenceToSequence):
    """Searched texts are compared with references; a subclass says by which scores.

    References are the texts given to `start`; without them, the target tokens joined again, which
    is the same text only where no token is `<unk>` and the tokeniser is lossless.

    Args:
        encoder: See `SequenceToSequence`.
        spec: See `SequenceToSequence`.
        with_decoder: See `SequenceToSequence`.
        val_num_beams: Width of the beam search on the validation split.
        **options: Those of `SequenceToSequence`.

    Raises:
        ConfigError: An encoder that does not keep the steps.

    Attributes:
        text_scores: Made by the constructor.
    """

    text_scores: TextScores

    def __init__(
        self,
        encoder: Encoder,
        spec: Spec,
        with_decoder: bool = True,
        *,
        val_num_beams: NumBeams = 1,
        **options: Any,
    ) -> None:
        super().__init__(encoder, spec, with_decoder, **options)
        need_steps(encoder)
        self.val_num_beams = val_num_beams
        self._split: Split = "test"
        self._texts: Sequence[str] | None = None
        self._seen = 0

    def start(self, split: Split, texts: Sequence[str] | None) -> None:
        """Reset, with the width of the search and the references for the batches to come."""
        self._split, self._texts = split, texts
        self.reset()

    def update(self, encoded: Encoded, batch: Batch) -> None:
        """Write a batch's texts and compare; a blank source is answered with an empty text.

        Raises:
            RuntimeError: More sequences than texts were given to `start`.
        """
        beams = self.val_num_beams if self._split == "val" else self.num_beams
        texts = self.texts(encoded, beams)
        if batch.blank is not None:
            blank = batch.blank.tolist()
            texts = [self.empty() if b else t for b, t in zip(blank, texts, strict=True)]
        self.text_scores.update(texts, self._references(batch))

    def compute(self) -> dict[str, float]:
        """Those of `text_scores`."""
        scores = self.text_scores.compute()
        self.facts = self.text_scores.facts
        self.reset()
        return scores

    def signatures(self) -> dict[str, str]:
        """Those of `text_scores`."""
        return self.text_scores.signatures()

    def reset(self) -> None:
        """Forget all batches."""
        self.text_scores.reset()
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
