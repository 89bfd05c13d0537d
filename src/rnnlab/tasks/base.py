"""What is learned on top of an encoder: head, loss, metrics and prediction."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal, NamedTuple

from jaxtyping import Float, Int
from torch import Tensor, nn
from torchmetrics import Metric, MetricCollection

from rnnlab.data.batch import Batch
from rnnlab.data.examples import Examples
from rnnlab.data.spec import Kind, Spec, Split
from rnnlab.data.stream import Stream
from rnnlab.data.vocab import Vocab
from rnnlab.errors import ConfigError
from rnnlab.nn.attention import AttentionMap
from rnnlab.nn.encoded import Encoded
from rnnlab.nn.encoder import Encoder
from rnnlab.nn.label_scores import Facts
from rnnlab.nn.sampling import Draw
from rnnlab.tasks.graphs import Graph, encoder_graph


class Hypothesis(NamedTuple):
    """One answer that a search found, and its score."""

    text: str
    score: float


class TextScore(NamedTuple):
    """How probable a text is.

    Attributes:
        log_probability: Natural logarithm of the probability of all its tokens and its end.
        perplexity: `exp(-log_probability / tokens)`, the end counted.
    """

    log_probability: float
    perplexity: float


Searcher = Callable[[Encoded], list[list[Hypothesis]]]
"""Finds the best answers of each sequence, at least one of each, the best first."""


class Task(nn.Module, ABC):
    """Head, loss, metrics and prediction of one kind of target.

    The constructor takes `encoder` and `spec` as its only positional parameters (the program
    supplies them); keyword-only parameters are the options that YAML may set. A task reads the
    encoder's sizes but does not own it.

    Attributes:
        kind: The kind of target it learns; must equal the data's.
        per_step: Whether each input step has a target, so that the encoder must keep them all.
        monitor: Name of the metric (a key of `compute`'s, or "loss") that decides which
            checkpoint is best, when to stop early and what a sweep optimises.
        mode: Whether a larger (the default) or a smaller `monitor` is better.
        scores: Running metrics, made by the constructor; see `compute`.
        facts: What the last `compute` found out besides, where the metrics say so: see `Facts`.
    """

    kind: ClassVar[Kind]
    per_step: ClassVar[bool] = False
    monitor: str
    mode: Literal["max", "min"] = "max"
    scores: Metric | MetricCollection
    facts = Facts()

    def __init__(self, encoder: Encoder, spec: Spec) -> None:
        super().__init__()
        if self.per_step and encoder.subsampling > 1:
            raise ConfigError("encoder.subsampling: each step has a target of its own here; say 1")

    @abstractmethod
    def loss(self, encoded: Encoded, batch: Batch) -> Float[Tensor, ""]:
        """Training loss, the mean over the batch's units (see `units`)."""

    def units(self, batch: Batch) -> int | Tensor:
        """Number of targets that `loss` averages over; weighs batches in a split's mean loss.

        By default the number of sequences. Where targets have weights, the sum of these.
        """
        return len(batch)

    def set_prior(self, counts: Int[Tensor, "V"]) -> None:
        """Called once, before a new training: how often each target occurs in the training data.

        Does nothing by default. Not called for targets that are numbers.
        """

    def remarks(self, split: Split, examples: Examples | Stream) -> list[str]:
        """What the user should know of a split before training, a sentence each; by default none.

        Raises:
            DataError: The task cannot use the data.
            ConfigError: An option of the task does not fit the data.
        """
        return []

    def set_rival(self, prior: Tensor) -> None:
        """Called before a training or an evaluation: what the training targets are like.

        The same for every input; a task may score it beside the model, see `Facts`, or weigh its
        loss by it. Does nothing by default.

        Args:
            prior: How often each target occurs, int64 (V,); the mean (K,) of targets that are
                numbers.

        Raises:
            ConfigError: An option of the task does not fit the number of targets.
        """

    def rate(self, batch: Batch) -> float:
        """Factor of the learning rate in the step after a batch; 1 by default."""
        return 1.0

    def start(self, split: Split, texts: Sequence[str] | None) -> None:
        """Called before the batches of a split are evaluated; does nothing by default.

        Args:
            split: What the batches to come belong to.
            texts: Original target texts of the split, for kind "tokens", in the order in which
                this process will see its examples (some at the end may go unused, where a run
                is limited to a few batches); None where the data has none.
        """

    @abstractmethod
    def update(self, encoded: Encoded, batch: Batch) -> None:
        """Add a batch to the running metrics; called without gradients, in evaluation mode."""

    def compute(self) -> dict[str, float]:
        """Metrics of all batches since the last call (over all processes), then reset."""
        scores = {name: float(value) for name, value in self.scores.compute().items()}
        self.facts = getattr(self.scores, "facts", self.facts)
        self.scores.reset()
        return scores

    @abstractmethod
    def predict(self, encoded: Encoded) -> list[Any]:
        """One prediction a sequence, as plain Python values; see the subclass for their type."""

    def empty(self) -> Any:
        """The prediction for a text without tokens; None where the model is asked all the same."""
        return None

    @abstractmethod
    def render(self, tokens: Sequence[str], prediction: Any) -> str:
        """A prediction as `rnnlab predict` prints it; `tokens` are those of the input."""

    def check(self, tokens: Sequence[str]) -> None:
        """Raise a DataError for an input that the model cannot answer; by default for none."""

    def write(self, encoder: Encoder, prompt: Sequence[str], draw: Draw) -> list[str]:
        """Texts drawn for a prompt; by default a ConfigError.

        Args:
            encoder: The one that the task was made for.
            prompt: Tokens of the source.
            draw: Draws the tokens.

        Raises:
            ConfigError: The task writes no texts, or the prompt has tokens that it cannot read.
        """
        raise ConfigError(
            f"prompt: a model of task {type(self).__name__} writes no texts; give it lines of text "
            "with input=FILE"
        )

    def score(self, encoder: Encoder, texts: Sequence[Sequence[str]]) -> list[TextScore]:
        """How probable each text is; by default a ConfigError.

        Args:
            encoder: The one that the task was made for.
            texts: Tokens of each text.

        Raises:
            ConfigError: The task is no language model.
        """
        raise ConfigError(
            f"score: a model of task {type(self).__name__} gives texts no probability; a language "
            "model does (task=language_model)"
        )

    def searcher(self, num_return_sequences: int, num_beams: int | None) -> Searcher:
        """What finds the best answers of each sequence by beam search, and their scores.

        Args:
            num_return_sequences: Answers of each sequence, at least 1.
            num_beams: Width of the search, at least 1; None for the task's own.

        Raises:
            ConfigError: The task has no beam search, or its width is less than the answers.
        """
        raise ConfigError(
            f"num_return_sequences, num_beams: a model of task {type(self).__name__} has no beam "
            "search"
        )

    def answers(self, encoded: Encoded) -> dict[str, Tensor]:
        """What an exported model computes of a batch, by name; by default a ConfigError.

        Raises:
            ConfigError: The task cannot be exported.
        """
        raise ConfigError(
            f"checkpoint: a model of task {type(self).__name__} cannot be exported; those of "
            "classification, tagging, translation, transcription and language models can"
        )

    def decoding(self) -> dict[str, Any]:
        """How predictions are made from `answers`: plain values, for a program without torch.

        `kind` names the module of `rnnlab.commands.export.runtime` that does it. Empty where the
        task cannot be exported.
        """
        return {}

    def graphs(self, encoder: Encoder, batch: Batch) -> list[Graph]:
        """The parts of the model to export; by default one, `answers` of the encoder's outputs.

        Args:
            encoder: The one that the task was made for.
            batch: An example.

        Raises:
            ConfigError: The task cannot be exported.
        """
        return [encoder_graph("model", encoder, self, self.answers, batch)]

    def attention_map(self, encoded: Encoded, batch: Batch) -> AttentionMap | None:
        """What it attends to in each sequence, for diagnostics; None without attention."""
        return None

    def signatures(self) -> dict[str, str]:
        """Exact descriptions of the scorers behind `compute`, by metric, where one exists."""
        return {}


def need_steps(encoder: Encoder) -> None:
    """For a task with an answer at each step, or one that attends to them.

    Raises:
        ConfigError: The encoder gives one vector for all steps.
    """
    if not encoder.keeps_steps:
        raise ConfigError(
            f"encoder: {type(encoder).__name__} gives no output for each step, which this task "
            "needs; choose recurrent"
        )


def target_vocab(spec: Spec) -> Vocab:
    """The labels, tags or tokens that a task is to predict.

    Raises:
        TypeError: The targets are numbers; `build` lets no task meet data of another kind.
    """
    if not isinstance(spec.target, Vocab):
        raise TypeError(f"targets of kind {spec.kind} have no vocabulary")
    return spec.target
