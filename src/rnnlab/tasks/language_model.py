"""The next token at every step: language models of characters, subwords or words."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, NamedTuple

import torch
from annotated_types import Ge
from jaxtyping import Float, Int
from torch import Tensor, nn

from rnnlab.config.types import NonNegativeFloat, PositiveInt, Probability
from rnnlab.data.batch import IGNORE, Batch
from rnnlab.data.spec import Kind, Spec
from rnnlab.data.stream_data import EOS, line_end
from rnnlab.data.vocab import PAD, UNK
from rnnlab.errors import ConfigError
from rnnlab.layers.base import Layer, State
from rnnlab.nn.encoded import Encoded
from rnnlab.nn.encoder import Encoder
from rnnlab.nn.losses import activation_l2, temporal_l2
from rnnlab.nn.metrics import LanguageScores
from rnnlab.nn.sampling import Draw
from rnnlab.nn.search import Step
from rnnlab.nn.vocabulary_outputs import OUTPUTS, VocabularyOutput, log_frequencies
from rnnlab.tasks.base import Task, TextScore, target_vocab
from rnnlab.tasks.flat_states import FlatStates, initial_states
from rnnlab.tasks.graphs import Graph, StepGraph, numbered, step_graph
from rnnlab.tasks.line_scores import line_scores


class Next(NamedTuple):
    """The most probable next token, and its probability."""

    token: str
    probability: float


class LanguageModel(Task):
    """p(x_t | x_1 ... x_{t-1}) at every step of a stream, from the encoder's output there.

    Metrics: `perplexity`, the exponential of the mean negative log-likelihood of a token, and
    `word_perplexity`, of a word: `exp(total / words)`, where white space parts words and a line's
    end counts as one, whatever the tokens are. Of characters and subwords, which make up the text,
    also `bits_per_character`; of characters it decides. (Where words are tokens, unknown ones are
    cheap, for they need no spelling: compare at equal vocabularies.)

    Args:
        encoder: Reads the text left to right.
        spec: Its target is the vocabulary of tokens.
        dropout: Probability of zeroing a feature of a step's output.
        tie_word_embeddings: The output weights are those of the embedding (Press and Wolf 2017).
            Where the encoder's outputs have another size, a linear layer is between.
        output: `softmax` has a row of weights for each token; `adaptive` has fewer for rare ones.
            It is far cheaper for thousands of words. Both give exact probabilities, so that
            perplexities can be compared.
        frequency_bias: Start with the log frequencies of the training targets as biases of the
            output layer, and with larger weights, see `set_frequencies`; otherwise with zeros.
        cutoffs: Ids where the clusters of `output=adaptive` begin, behind the first.
        div_value: Divides the features from cluster to cluster, with `output=adaptive`.
        activation_l2: Weight of the mean square of the encoder's outputs in the training loss.
        temporal_l2: Weight of the mean square of their change from step to step.
        scale_rate: Make the learning rate of a batch proportional to its steps. Otherwise tokens of
            short batches (`data.vary_bptt`) count more (Merity et al. 2018, arXiv:1708.02182,
            section 5).

    Raises:
        ConfigError: An encoder that reads the text back as well, or has no memory; tied weights
            of an embedding that is frozen, or of an adaptive output; cutoffs outside of the
            vocabulary.
    """

    kind: ClassVar[Kind] = "next"
    per_step = True
    mode = "min"
    scores: LanguageScores

    def __init__(
        self,
        encoder: Encoder,
        spec: Spec,
        *,
        dropout: Probability = 0.0,
        tie_word_embeddings: bool = False,
        output: VocabularyOutput = "softmax",
        frequency_bias: bool = True,
        cutoffs: Sequence[PositiveInt] = (2000, 10000),
        div_value: Annotated[float, Ge(1)] = 4.0,
        activation_l2: NonNegativeFloat = 0.0,
        temporal_l2: NonNegativeFloat = 0.0,
        scale_rate: bool = False,
    ) -> None:
        super().__init__(encoder, spec)
        if encoder.bidirectional:
            raise ConfigError(
                "encoder.bidirectional: true would show a language model the tokens that it is to "
                "predict; say false"
            )
        if not any(isinstance(part, Layer) for part in encoder.layers.modules()):
            raise ConfigError(
                f"encoder: {type(encoder).__name__} carries nothing from one token to the next, as "
                "a language model must; choose recurrent or blocks"
            )
        self.vocab = target_vocab(spec)
        assert spec.source_tokenizer is not None  # the data is text
        self.tokenizer = spec.source_tokenizer
        characters = self.tokenizer.level == "char"
        self.exact = characters or self.tokenizer.level == "bpe"
        self.monitor = "bits_per_character" if characters else "perplexity"
        self.dropout = nn.Dropout(dropout)
        self.activation_l2 = activation_l2
        self.temporal_l2 = temporal_l2
        self.scale_rate = scale_rate
        self.projection: nn.Module = nn.Identity()
        features = encoder.output_size
        weight = _trained_vectors(encoder) if tie_word_embeddings else None
        if weight is not None and weight.shape[1] != features:
            self.projection = nn.Linear(features, weight.shape[1])
            features = weight.shape[1]
        self.output = OUTPUTS[output](features, len(self.vocab), cutoffs, div_value)
        if weight is not None:
            self.output.tie(weight)
        self.frequency_bias = frequency_bias
        self.scores = LanguageScores(characters=1.0 if self.exact else None, monitor=self.monitor)

    def set_prior(self, counts: Int[Tensor, "V"]) -> None:
        """See the base class."""
        if self.frequency_bias:
            self.output.set_frequencies(counts)

    def set_rival(self, prior: Tensor) -> None:
        """See the base class: a model that knows how frequent each token is (unigrams)."""
        self.scores.log_prior = log_frequencies(prior)

    def logits(self, outputs: Float[Tensor, "*N H"]) -> Float[Tensor, "*N V"]:
        """Unnormalised log-probabilities of the next token after each output."""
        return self.output.scores(self._features(outputs))

    def loss(self, encoded: Encoded, batch: Batch) -> Float[Tensor, ""]:
        """Negative log-likelihood in nats, the mean over the batch's tokens.

        In training with the penalties on the encoder's outputs, where they have a weight.
        """
        features = self._features(encoded.outputs).flatten(0, 1)
        loss = self.output.loss(features, batch.target.flatten())
        if self.training and self.activation_l2:
            loss = loss + self.activation_l2 * activation_l2(encoded.outputs)
        if self.training and self.temporal_l2:
            raw = encoded.outputs if encoded.raw is None else encoded.raw
            loss = loss + self.temporal_l2 * temporal_l2(raw)
        return loss

    def _features(self, outputs: Float[Tensor, "*N H"]) -> Float[Tensor, "*N E"]:
        features: Tensor = self.projection(self.dropout(outputs))
        return features

    def units(self, batch: Batch) -> int | Int[Tensor, ""]:
        """Number of tokens to predict."""
        known = batch.target_tokens
        return (batch.target != IGNORE).sum() if known is None else known

    def rate(self, batch: Batch) -> float:
        """The batch's steps over the usual ones, where that is asked for."""
        return batch.share if self.scale_rate else 1.0

    def update(self, encoded: Encoded, batch: Batch) -> None:
        """Add a batch to the running metrics."""
        self.scores.update(self.loss(encoded, batch), self.units(batch), batch.token_size)
        self.scores.compare(batch.target)

    def predict(self, encoded: Encoded) -> list[Next]:
        """The most probable token after each sequence."""
        best = self.logits(encoded.final).float().softmax(dim=1).max(dim=1)
        pairs = zip(best.indices.tolist(), best.values.tolist(), strict=True)
        return [Next(self.vocab.tokens[index], probability) for index, probability in pairs]

    def decoding(self) -> dict[str, Any]:
        """What is printed of a token, and what ends a line."""
        banned = [self.vocab.tokens.index(token) for token in self._never]
        return {
            "kind": "language",
            "exact": self.exact,
            "banned": banned,
            "line_end": EOS,
            "end": self.vocab.id(line_end(self.tokenizer)),
        }

    def graphs(self, encoder: Encoder, batch: Batch) -> list[Graph]:
        """Tokens (B, T) and a state -> log-probabilities (B, T, V) after each, and the next."""
        like, rows = next(self.output.parameters()), batch.inputs.shape[0]
        flat = FlatStates(encoder, initial_states(encoder, rows, like))

        def step(tokens: Tensor, state: State, _: State) -> tuple[Tensor, State]:
            outputs, state = flat.outputs(tokens, state)
            return self.logits(outputs).log_softmax(dim=-1), state

        owner = nn.ModuleDict({"encoder": encoder, "task": self})
        inputs = {"tokens": batch.inputs, **numbered("state", flat.start)}
        other = [batch.inputs[:, :-1], *flat.start]
        return [step_graph(StepGraph(owner, step, len(flat.start)), inputs, other)]

    def write(self, encoder: Encoder, prompt: Sequence[str], draw: Draw) -> list[str]:
        """The prompt and its continuation; without a prompt, what may follow the end of a line."""
        unseen = dict.fromkeys(t for t in prompt if t not in self.vocab or t == PAD)
        if unseen:
            what = "characters" if self.exact else "words"
            raise ConfigError(
                f"prompt: the model has never seen the {what} {', '.join(map(repr, unseen))}"
            )
        begin = self.vocab.ids(prompt or [line_end(self.tokenizer)])
        ids = torch.tensor([begin], device=next(self.output.parameters()).device)
        # not by `ids`, which takes no text for padding
        banned = [self.vocab.tokens.index(token) for token in self._never]
        rows = draw(*self.search(encoder, ids), ids[:, -1], banned=banned)
        return [self._text([*prompt, *(self.vocab.tokens[i] for i in row)]) for row in rows]

    def score(self, encoder: Encoder, texts: Sequence[Sequence[str]]) -> list[TextScore]:
        """The probability of each text with its line end, as a line that follows another one."""
        end = self.vocab.id(line_end(self.tokenizer))
        device = next(self.output.parameters()).device
        rows = [torch.tensor([end, *self.vocab.ids(text), end], device=device) for text in texts]
        return line_scores(encoder, self.logits, rows)

    @torch.no_grad()
    def search(self, encoder: Encoder, prompt: Int[Tensor, "B T"]) -> tuple[Step, State]:
        """A step function that continues texts, and its state before their last token.

        The state is flat: the parts of all layers' states, first layer to last.
        """
        if prompt.shape[1] > 1:
            states = encoder(prompt[:, :-1], None, None, ()).states
        else:
            states = initial_states(encoder, prompt.shape[0], next(self.output.parameters()))
        flat = FlatStates(encoder, states)

        def step(tokens: Tensor, state: State) -> tuple[Tensor, State]:
            outputs, state = flat.outputs(tokens.unsqueeze(1), state)
            return self.logits(outputs[:, 0]).log_softmax(dim=1), state

        return step, flat.start

    @property
    def _never(self) -> list[str]:
        """Tokens that are not written."""
        return [PAD, UNK] if self.exact else [PAD]

    def _text(self, tokens: Sequence[str]) -> str:
        text = self.tokenizer.join(tokens)
        if self.exact:
            return text
        return text.replace(f" {EOS} ", "\n").replace(f" {EOS}", "\n").replace(f"{EOS} ", "\n")

    def render(self, tokens: Sequence[str], prediction: Next) -> str:
        r"""`token<TAB>probability`; control characters as Python writes them, such as `\n`."""
        token = prediction.token
        shown = self.tokenizer.join([token]) if self.exact and token != UNK else token
        shown = shown if shown.isprintable() else repr(shown)[1:-1]
        return f"{shown}\t{prediction.probability:.4f}"


def _trained_vectors(encoder: Encoder) -> nn.Parameter:
    weight = getattr(encoder.embedding, "weight", None)
    if not isinstance(weight, nn.Parameter) or not weight.requires_grad:
        raise ConfigError(
            "task.tie_word_embeddings: true needs an embedding that is trained; say false"
        )
    return weight
