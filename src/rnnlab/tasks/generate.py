"""One to many: a text for a label, or for any other source."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from rnnlab.data.batch import Batch
from rnnlab.data.spec import Spec
from rnnlab.data.vocab import PAD, UNK, Vocab
from rnnlab.errors import ConfigError, DataError
from rnnlab.nn.encoded import Encoded
from rnnlab.nn.encoder import Encoder
from rnnlab.nn.metrics import LanguageScores
from rnnlab.nn.sampling import Draw
from rnnlab.nn.vocabulary_outputs import log_frequencies
from rnnlab.tasks.seq2seq import SequenceToSequence

SHOWN = 30
"""Labels that a message lists."""


class Generate(SequenceToSequence):
    """A text for a label or another source; learns p(text | source) and is judged by it.

    Metrics: `perplexity` of a token, the end counted, and of characters the same in bits,
    `bits_per_character`. Predictions are the most probable texts; `write` draws them.

    Args:
        encoder: See `SequenceToSequence`.
        spec: See `SequenceToSequence`; its source is text, too.
        **options: Those of `SequenceToSequence`.

    Raises:
        ConfigError: Data whose sources are numbers.
    """

    mode = "min"
    scores: LanguageScores
    never = (PAD, UNK)

    def __init__(self, encoder: Encoder, spec: Spec, **options: Any) -> None:
        super().__init__(encoder, spec, **options)
        if not isinstance(spec.source, Vocab) or spec.source_tokenizer is None:
            raise ConfigError("task: generation needs data whose sources are texts")
        self.source = spec.source
        self.labels = spec.source_tokenizer.level == "whole"
        characters = self.tokenizer.level == "char"
        self.monitor = "bits_per_character" if characters else "perplexity"
        self.scores = LanguageScores(characters=1.0 if characters else None, monitor=self.monitor)

    def set_rival(self, prior: Tensor) -> None:
        """See the base class: a model that knows how frequent each token is (unigrams)."""
        self.scores.log_prior = log_frequencies(prior)

    def update(self, encoded: Encoded, batch: Batch) -> None:
        """Add a batch to the running metrics."""
        super().update(encoded, batch)
        self.scores.compare(batch.target[:, 1:])

    def check(self, tokens: Sequence[str]) -> None:
        """Refuse a label that the model has not learnt."""
        unseen = [token for token in tokens if token not in self.source]
        if self.labels and unseen:
            known = self._known()
            more = ", ..." if len(known) > SHOWN else ""
            raise DataError(
                f"{unseen[0]!r} is no label that the model has learnt; these are "
                f"{', '.join(known[:SHOWN])}{more}"
            )

    def decoding(self) -> dict[str, Any]:
        """See the base class; the labels that it has learnt, where its sources are labels."""
        labels = self._known() if self.labels else None
        return super().decoding() | {"kind": "generated", "labels": labels}

    def _known(self) -> list[str]:
        return sorted(token for token in self.source.tokens if token not in (PAD, UNK))

    def write(self, encoder: Encoder, prompt: Sequence[str], draw: Draw) -> list[str]:
        """Texts for a label, or for another source."""
        if not prompt:
            raise ConfigError("prompt: empty; name what the text is to be made for")
        self.check(prompt)
        device = self.decoder.output.weight.device
        ids = torch.tensor([self.source.ids(prompt)], device=device)
        start = torch.tensor([self.vocab.start_id], device=device)
        banned = [*self.banned(), self.vocab.start_id]
        begin = self.decoder.search(encoder(ids, None))
        return [self.text(r) for r in draw(*begin, start, end=self.vocab.end_id, banned=banned)]
