"""Tasks: what stands behind `rnnlab train`, on the real data sets or on generated ones."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from bench.corpora import Corpus, write_conll, write_parallel, write_sentiment

TaskName = Literal["sentiment", "ner", "translation"]

SIZES = ("cell.hidden_size", "embedding.size", "task.embedding_size")


@dataclass(frozen=True)
class Problem:
    """A model of a task, and its data.

    Attributes:
        name: In tables.
        task: Choice of the group `task`.
        model: Overrides that decide model and batches.
        corpus: Overrides that choose the real data set.
        texts: Overrides that make tokens of texts, on any data.
    """

    name: str
    task: TaskName
    model: tuple[str, ...]
    corpus: tuple[str, ...]
    texts: tuple[str, ...] = ()

    @property
    def words(self) -> list[str]:
        """The command line behind `rnnlab train`, on the real data set."""
        return [f"task={self.task}", *self.corpus, *self.texts, *self.model]

    def shrunk(self, units: int) -> "Problem":
        """The same with a smaller model, for tests: all sizes are `units`."""
        pairs = (word.partition("=") for word in self.model)
        small = (f"{key}={units if key in SIZES else value}" for key, _, value in pairs)
        return replace(self, model=tuple(small))

    def generated(self, folder: Path, corpus: Corpus) -> list[str]:
        """The same on a generated corpus, which is written to a folder."""
        write = {"sentiment": write_sentiment, "ner": write_conll, "translation": write_parallel}
        return [f"task={self.task}", *write[self.task](folder, corpus), *self.texts, *self.model]


def _sentiment(name: str, *model: str) -> Problem:
    return Problem(
        name,
        "sentiment",
        (
            *model,
            "cell.hidden_size=128",
            "embedding.size=100",
            "task.pooling=max",
            "data.batch_size=64",
        ),
        ("data=imdb",),
        ("data.max_vocab_size=20000", "data.max_length=400"),
    )


PROBLEMS = (
    _sentiment("sentiment LSTM", "cell=lstm"),
    _sentiment("sentiment BiLSTM", "cell=lstm", "encoder.bidirectional=true"),
    _sentiment("sentiment GRU", "cell=gru"),
    Problem(
        "NER BiLSTM",
        "ner",
        (
            "cell=lstm",
            "encoder.bidirectional=true",
            "cell.hidden_size=100",
            "embedding.size=100",
            "data.batch_size=32",
        ),
        ("data=conll2003",),
    ),
    Problem(
        "translation GRU",
        "translation",
        (
            "cell=gru",
            "encoder.bidirectional=true",
            "cell.hidden_size=256",
            "embedding.size=256",
            "task.embedding_size=256",
            "data.batch_size=64",
        ),
        ("data=multi30k",),
        ("data.level=word", "data.lower=true", "data.min_freq=2"),
    ),
)
"""Sizes that are common for these data sets; no dropout, so that all implementations agree."""
