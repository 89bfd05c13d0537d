"""One to many: a text for a label, or for any other source."""

from collections.abc import Sequence
from typing import Any, Literal

import torch

from rnnlab.data.spec import Spec
from rnnlab.data.vocab import PAD, UNK, Vocab
from rnnlab.errors import ConfigError, DataError
from rnnlab.nn.encoder import Encoder
from rnnlab.nn.metrics import language_scores
from rnnlab.nn.sampling import Sampling, sample
from rnnlab.tasks.seq2seq import SequenceToSequence

SHOWN = 30
"""Labels that a message lists."""


class Generate(SequenceToSequence):
    """A text for a label or another source; learns p(text | source) and is judged by it.

    Metrics: `perplexity` of a token, the end counted, and of characters `bpc`, the same in bits.
    Predictions are the most probable texts; `write` draws them.

    Args:
        encoder: See `SequenceToSequence`.
        spec: See `SequenceToSequence`; its source is text, too.
        **options: Those of `SequenceToSequence`.

    Raises:
        ConfigError: Data whose sources are numbers.
    """

    mode: Literal["max", "min"] = "min"

    def __init__(self, encoder: Encoder, spec: Spec, **options: Any) -> None:
        super().__init__(encoder, spec, **options)
        if not isinstance(spec.source, Vocab) or spec.source_tokenizer is None:
            raise ConfigError("task: generation needs data whose sources are texts")
        self.source = spec.source
        self.labels = spec.source_tokenizer.level == "whole"
        self.characters = self.tokenizer.level == "char"
        self.monitor = "bpc" if self.characters else "perplexity"
        self.banned = [PAD, UNK]

    def compute(self) -> dict[str, float]:
        """`perplexity`, and of characters `bpc`, since the last call."""
        nll = float(self.nll.compute())
        self.nll.reset()
        return language_scores(nll, characters=self.characters)

    def check(self, tokens: Sequence[str]) -> None:
        """Refuse a label that the model has not learnt."""
        unseen = [token for token in tokens if token not in self.source]
        if self.labels and unseen:
            known = [token for token in self.source.tokens if token not in (PAD, UNK)]
            more = ", ..." if len(known) > SHOWN else ""
            raise DataError(
                f"{unseen[0]!r} is no label that the model has learnt; these are "
                f"{', '.join(sorted(known)[:SHOWN])}{more}"
            )

    def write(
        self,
        encoder: Encoder,
        prompt: Sequence[str],
        *,
        num_return_sequences: int,
        max_new_tokens: int,
        sampling: Sampling,
        generator: torch.Generator,
    ) -> list[str]:
        """Texts for a label, or for another source."""
        if not prompt:
            raise ConfigError("prompt: empty; name what the text is to be made for")
        self.check(prompt)
        device = self.decoder.output.weight.device
        ids = torch.tensor([self.source.ids(prompt)], device=device)
        step, state = self.decoder.search(encoder(ids, None))
        rows = sample(
            step,
            tuple(part.repeat_interleave(num_return_sequences, dim=0) for part in state),
            torch.full((num_return_sequences,), self.vocab.start_id, device=device),
            max_new_tokens=max_new_tokens,
            sampling=sampling,
            end=self.vocab.end_id,
            banned=[*self.banned_ids(), self.vocab.start_id],
            generator=generator,
        )
        return [self.text(row) for row in rows]
