"""Sequence to sequence: translation, and any other target of kind "tokens"."""

from collections.abc import Sequence
from typing import ClassVar, Literal

from jaxtyping import Float
from torch import Tensor

from rnnlab.data.batch import IGNORE, Batch
from rnnlab.data.spec import Kind, Spec, Split
from rnnlab.data.vocab import PAD, Vocab
from rnnlab.errors import ConfigError
from rnnlab.nn.attention import Attended, AttentionKind
from rnnlab.nn.bleu import Bleu
from rnnlab.nn.decoder import Decoder
from rnnlab.nn.encoder import Encoded, Encoder
from rnnlab.nn.metrics import UnitMean
from rnnlab.nn.search import Hypotheses, beam_search
from rnnlab.nn.vocabulary_loss import vocabulary_loss
from rnnlab.tasks.base import Hypothesis, Searcher, Task
from rnnlab.tasks.ranges import at_least, probabilities

EXTRA_LENGTH = 10
"""Tokens that a translation may be longer than `max_ratio` times its source."""


class Translate(Task):
    """A decoder that writes the target; learns by teacher forcing, is judged by BLEU.

    Metrics: `bleu`, `bleu_lower` (0 - 100, see `Bleu`) of searched translations, and `perplexity`,
    the exponential of the mean negative log-likelihood of a reference token, without label
    smoothing. References are the texts given to `start`; without them, the target tokens joined
    again, which is the same text only where no token is `<unk>` and the tokeniser is lossless.

    Args:
        encoder: Reads the source; gives the cell of the decoder's layers.
        spec: Target vocabulary with `<pad>`, `<s>`, `</s>`, and the tokeniser that joins it.
        embedding_size: Features of a target token.
        num_layers: Recurrent layers of the decoder.
        attention: How the encoder's outputs are attended to, see `rnnlab.nn.attention`; with `none`
            the decoder has its final state alone.
        input_feeding: The decoder's layers read the readout of the step before, too, see `Decoder`;
            training then goes step by step, which is slower.
        dropout: On target embeddings, between decoder layers, and before the output layer.
        label_smoothing: Share of the target's probability spread over the whole vocabulary
            (Szegedy et al. 2016); in the loss of all splits.
        tied: Output weights are those of the target embedding.
        beam: Width of the search for the test split and for predictions; 1 is greedy.
        val_beam: The same for the validation split.
        length_penalty: Exponent of the length that divides a log-probability, see `beam_search`.
        max_ratio: Translations have at most this many times their source's tokens, and 10 more.
        max_output: Longest translation in any case.

    Raises:
        ConfigError: An option out of its range, or data without target texts.
    """

    kind: ClassVar[Kind] = "tokens"
    monitor = "bleu"
    mode: Literal["max", "min"] = "max"

    def __init__(
        self,
        encoder: Encoder,
        spec: Spec,
        *,
        embedding_size: int = 256,
        num_layers: int = 1,
        attention: AttentionKind = "additive",
        input_feeding: bool = False,
        dropout: float = 0.0,
        label_smoothing: float = 0.0,
        tied: bool = False,
        beam: int = 5,
        val_beam: int = 1,
        length_penalty: float = 1.0,
        max_ratio: float = 2.0,
        max_output: int = 500,
    ) -> None:
        super().__init__(encoder, spec)
        at_least(
            1,
            embedding_size=embedding_size,
            num_layers=num_layers,
            beam=beam,
            val_beam=val_beam,
            max_output=max_output,
        )
        probabilities(dropout=dropout, label_smoothing=label_smoothing)
        at_least(0, length_penalty=length_penalty)
        if max_ratio <= 0:
            raise ConfigError(f"task.max_ratio: {max_ratio} is not above 0")
        if not isinstance(spec.target, Vocab) or spec.target_tokenizer is None:
            raise ConfigError("task: translation needs data whose targets are texts")
        self.vocab = spec.target
        self.tokenizer = spec.target_tokenizer
        self.label_smoothing = label_smoothing
        self.beam = beam
        self.val_beam = val_beam
        self.length_penalty = length_penalty
        self.max_ratio = max_ratio
        self.max_output = max_output
        self.decoder = Decoder(
            encoder,
            len(self.vocab),
            embedding_size=embedding_size,
            num_layers=num_layers,
            attention=attention,
            input_feeding=input_feeding,
            dropout=dropout,
            tied=tied,
        )
        self.bleu = Bleu()
        self.nll = UnitMean()
        self._split: Split = "test"
        self._texts: Sequence[str] | None = None
        self._seen = 0

    def loss(self, encoded: Encoded, batch: Batch) -> Float[Tensor, ""]:
        """Label-smoothed cross entropy, the mean over real target tokens (`</s>` is one)."""
        return self._cross_entropy(encoded, batch, self.label_smoothing)

    def units(self, batch: Batch) -> int | Tensor:
        """Target tokens to predict: `<s>` does not count, `</s>` does."""
        return (batch.target[:, 1:] != IGNORE).sum()

    def start(self, split: Split, texts: Sequence[str] | None) -> None:
        """Start anew, with the width of the search and the references for the batches to come."""
        self._split, self._texts = split, texts
        self._reset()

    def update(self, encoded: Encoded, batch: Batch) -> None:
        """Translate a batch and compare.

        Raises:
            RuntimeError: More sentences than texts were given to `start`.
        """
        self.nll.update(self._cross_entropy(encoded, batch, 0.0), self.units(batch))
        found = self._search(encoded, self.val_beam if self._split == "val" else self.beam)
        self.bleu.update([self._text(ids) for ids in found.best], self._references(batch))

    def compute(self) -> dict[str, float]:
        """`bleu`, `bleu_lower` and `perplexity`."""
        metrics = self.bleu.compute() | {"perplexity": float(self.nll.compute().exp())}
        self._reset()
        return metrics

    def predict(self, encoded: Encoded) -> list[str]:
        """Translations as text."""
        return [self._text(ids) for ids in self._search(encoded, self.beam).best]

    def searcher(self, nbest: int, beam: int | None) -> Searcher:
        """Translations with their scores, see `beam_search`; `beam=None` for the task's own."""
        beam = self.beam if beam is None else beam
        if nbest > beam:
            raise ConfigError(
                f"nbest: {nbest} is more than a beam of {beam} finds; say beam={nbest}"
            )

        def search(encoded: Encoded) -> list[list[Hypothesis]]:
            found = self._search(encoded, beam, nbest)
            rows = zip(found.tokens, found.scores.tolist(), strict=True)
            return [
                [
                    Hypothesis(self._text(ids), score)
                    for ids, score in zip(tokens or [[]], scores, strict=False)
                ]
                for tokens, scores in rows
            ]

        return search

    def empty(self) -> str:
        """Nothing translates to nothing."""
        return ""

    def render(self, tokens: Sequence[str], prediction: str) -> str:
        """The text itself."""
        return prediction

    def attended(self, encoded: Encoded, batch: Batch) -> Attended | None:
        """Weights for each token of the reference, those before it being read."""
        weights = self.decoder.looks(encoded, batch.target[:, :-1].clamp(min=0))
        if weights is None:
            return None
        labels = batch.target[:, 1:].tolist()
        return Attended(
            weights, [[self.vocab.tokens[i] for i in row if i != IGNORE] for row in labels]
        )

    def signatures(self) -> dict[str, str]:
        """SacreBLEU's signatures of `bleu` and `bleu_lower`."""
        return self.bleu.signatures()

    def _reset(self) -> None:
        self.bleu.reset()
        self.nll.reset()
        self._seen = 0

    def _cross_entropy(self, encoded: Encoded, batch: Batch, label_smoothing: float) -> Tensor:
        readout, tokens = self.decoder.teach(encoded, batch.target, batch.target_tokens)
        return vocabulary_loss(readout, self.decoder.output, tokens, label_smoothing)

    def _search(self, encoded: Encoded, beam: int, nbest: int = 1) -> Hypotheses:
        step, state = self.decoder.search(encoded)
        longest = (self.max_ratio * encoded.lengths).long() + EXTRA_LENGTH
        return beam_search(
            step,
            state,
            self.vocab.start_id,
            self.vocab.end_id,
            beam=beam,
            nbest=nbest,
            max_length=longest.clamp(max=self.max_output),
            length_penalty=self.length_penalty,
            banned=[self.vocab.tokens.index(PAD)],  # `id` takes no text for padding
        )

    def _references(self, batch: Batch) -> list[str]:
        if self._texts is None:
            rows = [[i for i in row if i != IGNORE] for row in batch.target.tolist()]
            return [self._text(row[1:-1]) for row in rows]
        first, self._seen = self._seen, self._seen + len(batch)
        if self._seen > len(self._texts):
            raise RuntimeError(f"{len(self._texts)} reference texts, at least {self._seen} wanted")
        return list(self._texts[first : self._seen])

    def _text(self, ids: Sequence[int]) -> str:
        return self.tokenizer.join([self.vocab.tokens[i] for i in ids])
