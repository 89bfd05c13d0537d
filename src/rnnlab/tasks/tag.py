"""One tag a step: named entities, parts of speech, copying."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any, ClassVar, Literal

from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional

from rnnlab.config.types import Probability
from rnnlab.data.batch import Batch
from rnnlab.data.examples import Examples
from rnnlab.data.spec import Kind, Spec, Split
from rnnlab.data.stream import Stream
from rnnlab.data.tag_schemes import BIOES, bioes_to_iob2, valid_iob2
from rnnlab.errors import ConfigError
from rnnlab.nn.class_weights import ClassWeights, Weights
from rnnlab.nn.encoded import Encoded
from rnnlab.nn.encoder import Encoder
from rnnlab.nn.label_scores import StepAccuracy
from rnnlab.nn.metrics import EntityF1
from rnnlab.nn.rules import entity_rules
from rnnlab.nn.tag_outputs import OUTPUTS, TagOutputKind
from rnnlab.nn.vocabulary_outputs import set_frequencies
from rnnlab.tasks.base import Task, need_steps, target_vocab


class Tag(Task):
    """A tag for each step, from its output through a linear head.

    A tag beyond the steps that the model reads is predicted as `O`, and counts in metrics. Steps
    whose target is `IGNORE` do not count, neither in the loss nor in metrics. These are
    `accuracy`, and with entities `precision`, `recall`, `f1` and `f1_TYPE`; 0 to 1. Predictions
    are lists of tags, one a step; entities are in IOB2, whatever scheme was learnt.

    Args:
        encoder: Its `output_size` decides the head's.
        spec: Its target is the vocabulary of tags.
        dropout: Probability of zeroing a feature of a step's output.
        metric: What decides: F1 of whole entities, or accuracy of tags. `entity` needs IOB or BIOES
            tags. It turns predictions into valid IOB2 and reports precision, recall and F1, as
            conlleval counts them in IOB2. A sequence that BIOES forbids (see `constrained`) is read
            as IOB2 with S for B and E for I, where conlleval would end an entity at each E.
        output: `softmax` predicts each step by itself, `crf` the whole sequence. `crf` is a
            linear-chain conditional random field: it learns which tag follows which.
        frequency_bias: Start with the log frequencies of the training tags as biases of the head.
        constrained: Predict only sequences that the scheme of the entity tags allows.
        class_weights: How much each tag counts in the losses, not in the metrics: all the same,
            `balanced` (rare ones more, inversely to their number in the training data, as in
            scikit-learn), or a list of weights in the order of the tags. Of `softmax` alone: `crf`
            scores whole sequences.

    Raises:
        ConfigError: `entity` or `constrained` with tags that are neither IOB nor BIOES; an
            encoder that does not keep the steps; `class_weights` with `crf`.
    """

    kind: ClassVar[Kind] = "tags"
    per_step = True

    def __init__(
        self,
        encoder: Encoder,
        spec: Spec,
        *,
        dropout: Probability = 0.0,
        metric: Literal["entity", "accuracy"] = "entity",
        output: TagOutputKind = "softmax",
        frequency_bias: bool = True,
        constrained: bool = False,
        class_weights: Weights = "none",
    ) -> None:
        super().__init__(encoder, spec)
        need_steps(encoder)
        self.tags = target_vocab(spec).tokens
        self.entities = metric == "entity"
        if self.entities:
            _check_entities(self.tags, "task.metric: 'entity'", "accuracy")
        if constrained:
            _check_entities(self.tags, "task.constrained: true", "false")
        if class_weights != "none" and not OUTPUTS[output].step_by_step:
            raise ConfigError(
                f"task.class_weights: task.output={output} scores whole sequences, which have no "
                "weights of single tags; choose task.output=softmax or task.class_weights=none"
            )
        self.class_weights = ClassWeights(class_weights, self.tags, "tag")
        self.monitor = "f1" if self.entities else "accuracy"
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.output_size, len(self.tags))
        rules = entity_rules(self.tags) if constrained else None
        self.output = OUTPUTS[output](len(self.tags), rules)
        self.frequency_bias = frequency_bias
        # no tag at all, where there is no `O`
        self.outside = self.tags.index("O") if "O" in self.tags else len(self.tags)
        # by id, as they are predicted and scored
        self.written = bioes_to_iob2(self.tags) if self.entities else self.tags
        self.scores = EntityF1(self.written) if self.entities else StepAccuracy(self.tags)

    def set_prior(self, counts: Int[Tensor, "V"]) -> None:
        """See the base class."""
        if self.frequency_bias:
            set_frequencies(self.head, counts, keep_weight=True)

    def set_rival(self, prior: Tensor) -> None:
        """See the base class: the weights of the tags."""
        self.class_weights.set_counts(prior)

    def remarks(self, split: Split, examples: Examples | Stream) -> list[str]:
        """See the base class: weights of tags; ConfigError where `output` cannot learn the tags."""
        self.output.check_targets(examples.target_ids())
        return self.class_weights.remarks() if split == "train" else []

    def logits(self, encoded: Encoded) -> Float[Tensor, "B T K"]:
        """Unnormalised log-probabilities of each step's tags."""
        logits: Tensor = self.head(self.dropout(encoded.outputs))
        return logits

    def loss(self, encoded: Encoded, batch: Batch) -> Float[Tensor, ""]:
        """Negative log-likelihood in nats, the mean over the batch's steps with a target.

        With `class_weights` the weighted mean, as torch's `cross_entropy(weight=...)` has it.
        """
        logits, weight = self.logits(encoded), self.class_weights()
        return self.output.loss(logits, _read(batch), encoded.lengths, weight)

    def units(self, batch: Batch) -> Tensor:
        """Steps with a target, of those that the model reads, or the sum of their weights."""
        return self.class_weights.total(_read(batch))

    def update(self, encoded: Encoded, batch: Batch) -> None:
        """Add a batch to the running metrics."""
        decoded = self._decoded(encoded)
        beyond = batch.target.shape[1] - decoded.shape[1]
        self.scores.update(functional.pad(decoded, (0, beyond), value=self.outside), batch.target)

    def answers(self, encoded: Encoded) -> dict[str, Tensor]:
        """`scores` (B, T, K) of each step's tags."""
        return {"scores": self.logits(encoded)}

    def decoding(self) -> dict[str, Any]:
        """The tags as they are written, and the potentials of a search for the best sequence."""
        return {
            "kind": "tags",
            "tags": list(self.written),
            "entities": self.entities,
            **self.output.potentials(),
        }

    def predict(self, encoded: Encoded) -> list[list[str]]:
        """The most probable tags of each sequence, those of entities as valid IOB2."""
        rows = self._decoded(encoded).tolist()
        tags = [
            [self.written[index] for index in row[:length]]
            for row, length in zip(rows, encoded.lengths.tolist(), strict=True)
        ]
        return [valid_iob2(row) for row in tags] if self.entities else tags

    def confidence(self, encoded: Encoded) -> list[list[float]]:
        """Probability of each tag that is predicted, before it is made valid IOB2.

        With `crf` that is the marginal: over all sequences, those that have this tag at this step.
        """
        probabilities = self.output.probabilities(self.logits(encoded), encoded.lengths)
        chosen = self._decoded(encoded).clamp(max=len(self.tags) - 1)  # more than that is padding
        rows = probabilities.gather(2, chosen.unsqueeze(2)).squeeze(2)
        return [row[:length].tolist() for row, length in zip(rows, encoded.lengths, strict=True)]

    def _decoded(self, encoded: Encoded) -> Int[Tensor, "B T"]:
        return self.output.decode(self.logits(encoded), encoded.lengths)

    def empty(self) -> list[str]:
        """No tag."""
        return []

    def render(self, tokens: Sequence[str], prediction: list[str]) -> str:
        """CoNLL columns: `token tag`, one a line, each with its end, so that a blank line follows.

        Tokens that stood beyond the model's `max_length` get `O`.
        """
        return "".join(
            f"{token} {tag}\n" for token, tag in zip_longest(tokens, prediction, fillvalue="O")
        )


def _read(batch: Batch) -> Int[Tensor, "B T"]:
    """The tags of the steps that the model reads."""
    return batch.target[:, : batch.inputs.shape[1]]


def _check_entities(tags: Sequence[str], option: str, instead: str) -> None:
    strange = next((tag for tag in tags if not BIOES.fullmatch(tag)), None)
    if strange is not None:
        raise ConfigError(
            f"{option} needs tags O, B-TYPE and I-TYPE (or BIOES), the data has {strange!r}; "
            f"choose {instead}"
        )
