"""Sequence to sequence: what all tasks with a decoder have in common."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from typing import Annotated, Any, ClassVar

import torch
from annotated_types import Ge, Le
from jaxtyping import Float, Int
from torch import Tensor

from rnnlab.config.types import PositiveInt, Probability
from rnnlab.data.batch import IGNORE, Batch
from rnnlab.data.spec import Kind, Spec
from rnnlab.data.vocab import PAD, Vocab
from rnnlab.errors import ConfigError
from rnnlab.nn.attention import AttentionKind, AttentionMap
from rnnlab.nn.encoded import Encoded
from rnnlab.nn.encoder import Encoder
from rnnlab.nn.losses import vocabulary_loss
from rnnlab.nn.metrics import UnitMean
from rnnlab.nn.search import Hypotheses, beam_search
from rnnlab.nn.vocabulary_outputs import set_frequencies
from rnnlab.tasks.base import Hypothesis, Searcher, Task
from rnnlab.tasks.graphs import Graph, StepGraph, encoder_graph, numbered, step_graph

NumBeams = Annotated[int, Ge(1), Le(1000)]
"""Width of a beam search."""


class SequenceToSequence(Task):
    """A decoder that writes the target text; it learns by teacher forcing.

    Predictions are the texts that beam search finds. A subclass says by what they are judged.

    Args:
        encoder: Reads the source; gives the cell of the decoder's layers.
        spec: Target vocabulary with `<pad>`, `<s>`, `</s>`, and the tokeniser that joins it.
        with_decoder: Whether to make one; a task that says no has a loss and a search of its own.
        embedding_dim: Features of a target token.
        num_layers: Layers of the decoder; with encoder=blocks, blocks.
        attention: How a recurrent decoder attends to the encoder's outputs, see
            `rnnlab.nn.attention`. With `none` it knows the source by its initial state alone. null
            for additive, and for that of blocks: each has multi-head cross-attention.
        num_heads: Heads of cross-attention in blocks; null for 4.
        input_feeding: The decoder's layers also read the readout of the step before. Training then
            goes step by step, which is slower; see `Decoder`.
        dropout: Probability of zeroing a feature of target embeddings, between decoder layers, and
            before the output layer.
        label_smoothing: Share of the target's probability that is spread over the whole vocabulary
            (Szegedy et al. 2016), in the loss of all splits.
        tie_word_embeddings: The output weights are those of the target embedding.
        frequency_bias: Start with the log frequencies of the training targets as biases of the
            output layer, and with larger weights, see `set_frequencies`; otherwise with zeros.
        num_beams: Width of the beam search; 1 is greedy.
        length_penalty: Exponent of the length that divides a log-probability; see `beam_search`.
        max_new_tokens: Tokens of a text at most.

    Raises:
        ConfigError: Data without target texts, or options that do not fit each other.
    """

    kind: ClassVar[Kind] = "tokens"
    never: ClassVar[Sequence[str]] = (PAD,)
    scores: UnitMean

    def __init__(
        self,
        encoder: Encoder,
        spec: Spec,
        with_decoder: bool = True,
        *,
        embedding_dim: PositiveInt = 256,
        num_layers: Annotated[int, Ge(1), Le(1000)] = 1,
        attention: AttentionKind | None = None,
        num_heads: PositiveInt | None = None,
        input_feeding: bool = False,
        dropout: Probability = 0.0,
        label_smoothing: Probability = 0.0,
        tie_word_embeddings: bool = False,
        frequency_bias: bool = True,
        num_beams: NumBeams = 5,
        length_penalty: Annotated[float, Ge(0), Le(10)] = 1.0,
        max_new_tokens: Annotated[int, Ge(1), Le(100_000)] = 500,
    ) -> None:
        super().__init__(encoder, spec)
        if not isinstance(spec.target, Vocab) or spec.target_tokenizer is None:
            raise ConfigError("task: a decoder needs data whose targets are texts")
        self.vocab = spec.target
        self.tokenizer = spec.target_tokenizer
        self.label_smoothing = label_smoothing
        self.num_beams = num_beams
        self.length_penalty = length_penalty
        self.max_new_tokens = max_new_tokens
        if with_decoder:
            self.decoder = encoder.decoder(
                len(self.vocab),
                embedding_dim=embedding_dim,
                num_layers=num_layers,
                attention=attention,
                num_heads=num_heads,
                input_feeding=input_feeding,
                dropout=dropout,
                tie_word_embeddings=tie_word_embeddings,
            )
        self.frequency_bias = frequency_bias
        self.scores = UnitMean()

    def set_prior(self, counts: Int[Tensor, "V"]) -> None:
        """See the base class."""
        if self.frequency_bias:
            tied = self.decoder.output.weight is self.decoder.embedding.weight
            set_frequencies(self.decoder.output, counts, keep_weight=tied)

    def loss(self, encoded: Encoded, batch: Batch) -> Float[Tensor, ""]:
        """Cross entropy with smoothed labels in nats, the mean over tokens (`</s>` is one)."""
        return self.cross_entropy(encoded, batch, self.label_smoothing)

    def cross_entropy(
        self, encoded: Encoded, batch: Batch, label_smoothing: float
    ) -> Float[Tensor, ""]:
        """The mean over the batch's target tokens, those before each being given."""
        readout, tokens = self.decoder.teacher_forcing(encoded, batch.target, batch.target_tokens)
        return vocabulary_loss(readout, self.decoder.output, tokens, label_smoothing)

    def units(self, batch: Batch) -> int | Tensor:
        """Target tokens to predict: `<s>` does not count, `</s>` does."""
        return (batch.target[:, 1:] != IGNORE).sum()

    def update(self, encoded: Encoded, batch: Batch) -> None:
        """Add a batch to the mean negative log-likelihood, without label smoothing."""
        self.scores.update(self.cross_entropy(encoded, batch, 0.0), self.units(batch))

    def predict(self, encoded: Encoded) -> list[str]:
        """The best text found for each source."""
        return self.texts(encoded, self.num_beams)

    def texts(self, encoded: Encoded, num_beams: int) -> list[str]:
        """The best text that a search of this width finds for each source."""
        return [self.text(ids) for ids in self.search(encoded, num_beams).best]

    def text(self, ids: Sequence[int]) -> str:
        """Tokens joined."""
        return self.tokenizer.join([self.vocab.tokens[i] for i in ids])

    def search(self, encoded: Encoded, num_beams: int, num_return_sequences: int = 1) -> Hypotheses:
        """The best sequences of tokens, see `beam_search`."""
        step, state = self.decoder.search(encoded)
        return beam_search(
            step,
            state,
            self.vocab.start_id,
            self.vocab.end_id,
            num_beams=num_beams,
            num_return_sequences=num_return_sequences,
            max_length=self.max_length(encoded),
            length_penalty=self.length_penalty,
            banned=self.banned(),
        )

    def answers(self, encoded: Encoded) -> dict[str, Tensor]:
        """What the first step starts from and all steps read, and how long a text may be (B,)."""
        state, memory = self.decoder.begin(encoded)
        longest = torch.zeros_like(encoded.lengths) + self.max_length(encoded)
        return {**numbered("state", state), **numbered("memory", memory), "max_length": longest}

    def decoding(self) -> dict[str, Any]:
        """What a beam search needs to know."""
        return {
            "kind": "texts",
            "start": self.vocab.start_id,
            "end": self.vocab.end_id,
            "banned": self.banned(),
            "num_beams": self.num_beams,
            "length_penalty": self.length_penalty,
        }

    def graphs(self, encoder: Encoder, batch: Batch) -> list[Graph]:
        """The encoder, and a step of the decoder."""
        first = encoder_graph("encoder", encoder, self, self.answers, batch)
        with torch.no_grad():
            encoded = encoder(batch.inputs, batch.lengths, batch.words)
            state, memory = self.decoder.begin(encoded)
            shorter = replace(encoded, outputs=encoded.outputs[:, :-1], lengths=encoded.lengths - 1)
            parts = {**numbered("state", state), **numbered("memory", memory)}
            other = self.decoder.begin(shorter)
        tokens = torch.zeros_like(batch.lengths)
        module = StepGraph(self.decoder, self.decoder.step, len(state))
        return [first, step_graph(module, {"tokens": tokens, **parts}, [tokens, *chain(*other)])]

    def max_length(self, encoded: Encoded) -> int | Tensor:
        """Tokens that a text may have, for all sources or for each."""
        return self.max_new_tokens

    def banned(self) -> list[int]:
        """Ids of the tokens that are `never` written."""
        # not by `id`, which gives that of the unknown token for padding
        return [self.vocab.tokens.index(token) for token in self.never]

    def searcher(self, num_return_sequences: int, num_beams: int | None) -> Searcher:
        """Texts with their scores, see `beam_search`."""
        beams = self.num_beams if num_beams is None else num_beams
        if num_return_sequences > beams:
            raise ConfigError(
                f"num_return_sequences: {num_return_sequences} is more than a search with "
                f"num_beams={beams} finds; choose num_beams={num_return_sequences}"
            )

        def search(encoded: Encoded) -> list[list[Hypothesis]]:
            found = self.search(encoded, beams, num_return_sequences)
            texts = [[self.text(ids) for ids in tokens or [[]]] for tokens in found.tokens]
            rows = zip(texts, found.scores.tolist(), strict=True)
            return [list(map(Hypothesis, row, scores)) for row, scores in rows]

        return search

    def attention_map(self, encoded: Encoded, batch: Batch) -> AttentionMap | None:
        """Weights for each token of the target, those before it being given."""
        weights = self.decoder.attention_weights(encoded, batch.target[:, :-1].clamp(min=0))
        if weights is None:
            return None
        labels = batch.target[:, 1:].tolist()
        rows = [[self.vocab.tokens[i] for i in row if i != IGNORE] for row in labels]
        return AttentionMap(weights, rows)

    def empty(self) -> str:
        """The empty text."""
        return ""

    def render(self, tokens: Sequence[str], prediction: str) -> str:
        """The text itself."""
        return prediction
