"""One to many: a text for a label, or for any other source."""

from collections.abc import Sequence
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from rnnlab.data.batch import IGNORE, Batch
from rnnlab.data.spec import Kind, Spec
from rnnlab.data.vocab import PAD, UNK, Vocab
from rnnlab.errors import ConfigError, DataError
from rnnlab.nn.attention import AttentionKind
from rnnlab.nn.decoder import Decoder
from rnnlab.nn.encoder import Encoded, Encoder
from rnnlab.nn.metrics import UnitMean, language_scores
from rnnlab.nn.sampling import Sampling, sample
from rnnlab.nn.search import beam_search
from rnnlab.nn.vocabulary_loss import vocabulary_loss
from rnnlab.tasks.base import Task
from rnnlab.tasks.ranges import at_least, probabilities

SHOWN = 30
"""Labels that a message lists."""


class Generate(Task):
    """A decoder that writes a text; learns p(text | source) by teacher forcing, is judged by it.

    The source decides the decoder's initial state (`Bridge`), and with attention, of which a
    single label gets all, every step's readout as well. Metrics: `perplexity` of a token, the end
    counted, and of characters `bpc`, the same in bits. Predictions are the most probable texts;
    `write` draws them.

    Args:
        encoder: Reads the source; gives the cell of the decoder's layers.
        spec: Target vocabulary with `<pad>`, `<s>`, `</s>`, and the tokeniser that joins it.
        embedding_size: Features of a target token.
        num_layers: Recurrent layers of the decoder.
        attention: How the encoder's outputs are attended to, see `rnnlab.nn.attention`; with `none`
            the initial state is all there is.
        dropout: On target embeddings, between decoder layers, and before the output layer.
        tied: Output weights are those of the target embedding.
        beam: Width of the search for predictions; 1 is greedy.
        max_output: Longest prediction in tokens.

    Raises:
        ConfigError: An option out of its range, or data without target texts.
    """

    kind: ClassVar[Kind] = "tokens"
    mode: Literal["max", "min"] = "min"

    def __init__(
        self,
        encoder: Encoder,
        spec: Spec,
        *,
        embedding_size: int = 64,
        num_layers: int = 1,
        attention: AttentionKind = "additive",
        dropout: float = 0.0,
        tied: bool = False,
        beam: int = 5,
        max_output: int = 100,
    ) -> None:
        super().__init__(encoder, spec)
        at_least(
            1,
            embedding_size=embedding_size,
            num_layers=num_layers,
            beam=beam,
            max_output=max_output,
        )
        probabilities(dropout=dropout)
        if (
            not isinstance(spec.target, Vocab)
            or not isinstance(spec.source, Vocab)
            or spec.source_tokenizer is None
            or spec.target_tokenizer is None
        ):
            raise ConfigError("task: generation needs data whose sources and targets are texts")
        self.source, self.vocab = spec.source, spec.target
        self.tokenizer = spec.target_tokenizer
        self.labels = spec.source_tokenizer.level == "whole"
        self.characters = self.tokenizer.level == "char"
        self.monitor = "bpc" if self.characters else "perplexity"
        self.beam = beam
        self.max_output = max_output
        self.decoder = Decoder(
            encoder,
            len(self.vocab),
            embedding_size=embedding_size,
            num_layers=num_layers,
            attention=attention,
            dropout=dropout,
            tied=tied,
        )
        self.nll = UnitMean()

    def loss(self, encoded: Encoded, batch: Batch) -> Float[Tensor, ""]:
        """Negative log-likelihood in nats, the mean over tokens (`</s>` is one)."""
        readout, tokens = self.decoder.teach(encoded, batch.target, batch.target_tokens)
        return vocabulary_loss(readout, self.decoder.output, tokens)

    def units(self, batch: Batch) -> int | Tensor:
        """Target tokens to predict: `<s>` does not count, `</s>` does."""
        return (batch.target[:, 1:] != IGNORE).sum()

    def update(self, encoded: Encoded, batch: Batch) -> None:
        """Add a batch to the running metrics."""
        self.nll.update(self.loss(encoded, batch), self.units(batch))

    def compute(self) -> dict[str, float]:
        """`perplexity`, and of characters `bpc`, since the last call."""
        nll = float(self.nll.compute())
        self.nll.reset()
        return language_scores(nll, characters=self.characters)

    def predict(self, encoded: Encoded) -> list[str]:
        """The most probable text found for each source."""
        step, state = self.decoder.search(encoded)
        found = beam_search(
            step,
            state,
            self.vocab.start_id,
            self.vocab.end_id,
            beam=self.beam,
            max_length=self.max_output,
            banned=self._never(),
        )
        return [self._text(ids) for ids in found.best]

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
        count: int,
        length: int,
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
            tuple(part.repeat_interleave(count, dim=0) for part in state),
            torch.full((count,), self.vocab.start_id, device=device),
            length=length,
            sampling=sampling,
            end=self.vocab.end_id,
            banned=[*self._never(), self.vocab.start_id],
            generator=generator,
        )
        return [self._text(row) for row in rows]

    def empty(self) -> str:
        """Nothing is written for nothing."""
        return ""

    def render(self, tokens: Sequence[str], prediction: str) -> str:
        """The text itself."""
        return prediction

    def _never(self) -> list[int]:
        return [self.vocab.tokens.index(token) for token in (PAD, UNK)]

    def _text(self, ids: Sequence[int]) -> str:
        return self.tokenizer.join([self.vocab.tokens[i] for i in ids])
