"""The benchmark's three tasks on generated data of the same shapes: no file is read."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from bench.corpora import Corpus, sentences
from bench.layers import CELLS
from bench.problems import PROBLEMS, Problem
from rnnlab.data.examples import BatchLoader, Examples
from rnnlab.data.ragged import Ragged
from rnnlab.data.spec import Spec
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import END, PAD, START, UNK, Vocab
from rnnlab.layers.precision import Precision
from rnnlab.nn.embedding import RandomVectors
from rnnlab.nn.encoder import Encoder
from rnnlab.nn.recurrent import RecurrentEncoder
from rnnlab.tasks.base import Task
from rnnlab.tasks.classify import Classify
from rnnlab.tasks.tag import Tag
from rnnlab.tasks.translate import Translate

SPECIAL = [PAD, UNK, START, END]
TAGS = ["O", *(f"{way}-{kind}" for kind in ("PER", "LOC", "ORG", "MISC") for way in "BI")]


@dataclass(frozen=True)
class Made:
    """A task ready to be trained.

    Attributes:
        encoder: Reads the inputs.
        task: Gives the loss.
        examples: Random sequences with the lengths of the corpus it stands for.
        spec: Of these examples.
        batch_size: Sequences in a batch.
    """

    encoder: Encoder
    task: Task
    examples: Examples
    spec: Spec
    batch_size: int

    def loader(self) -> BatchLoader:
        """Training batches."""
        return BatchLoader(self.examples, self.batch_size, shuffle=True, seed=1)


def makers(small: bool) -> dict[str, Callable[..., Made]]:
    """Each problem of the benchmark, by name; `precision` is that of its cells."""
    return {problem.name: partial(_make, problem, small) for problem in PROBLEMS}


def _make(problem: Problem, small: bool, precision: Precision = "auto") -> Made:
    if small:
        problem = replace(problem, vocabulary=50, hidden=8, batch_size=4)
    words = Vocab([*SPECIAL, *(f"w{i}" for i in range(problem.vocabulary - len(SPECIAL)))])
    inputs = _sequences(problem, small, seed=1)
    encoder = RecurrentEncoder(
        RandomVectors(embedding_dim=problem.embedding).module(words),
        partial(CELLS[problem.cell][0], hidden_size=problem.hidden, precision=precision),
        bidirectional=problem.bidirectional,
    )
    spec, task, target = HEADS[problem.task](problem, words, encoder, inputs, small)
    return Made(encoder, task, Examples(inputs, target), spec, problem.batch_size)


def _sentiment(
    problem: Problem, words: Vocab, encoder: Encoder, inputs: Ragged, small: bool
) -> tuple[Spec, Task, np.ndarray]:
    spec = Spec(words, Vocab(["neg", "pos"]), "label")
    return spec, Classify(encoder, spec, pooling="max"), np.arange(len(inputs)) % 2


def _ner(
    problem: Problem, words: Vocab, encoder: Encoder, inputs: Ragged, small: bool
) -> tuple[Spec, Task, Ragged]:
    spec = Spec(words, Vocab(TAGS), "tags")
    return spec, Tag(encoder, spec), Ragged(inputs.values % len(TAGS), inputs.offsets)


def _translation(
    problem: Problem, words: Vocab, encoder: Encoder, inputs: Ragged, small: bool
) -> tuple[Spec, Task, Ragged]:
    spec = Spec(words, words, "tokens", target_tokenizer=Tokenizer("space"))
    target = _sequences(problem, small, seed=2).framed(words.start_id, words.end_id)
    return spec, Translate(encoder, spec, embedding_dim=problem.embedding), target


HEADS: dict[str, Callable[..., tuple[Spec, Task, np.ndarray | Ragged]]] = {
    "sentiment": _sentiment,
    "ner": _ner,
    "translation": _translation,
}
"""By task."""


def _sequences(problem: Problem, small: bool, seed: int) -> Ragged:
    """Ids as in a generated corpus, behind the special ones."""
    corpus = Corpus(8 if small else 4200, problem.vocabulary - len(SPECIAL), 9 if small else 400)
    drawn = sentences(corpus, problem.corpus, corpus.train, np.random.default_rng(seed))
    return Ragged.from_lists(ids + len(SPECIAL) for ids in drawn)
