"""What is trained: models of the three tasks, on the real data sets or on generated ones."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from bench.corpora import Corpus, write_conll, write_parallel, write_sentiment

TaskName = Literal["sentiment", "ner", "translation"]


@dataclass(frozen=True)
class Problem:
    """A model of a task, and its data.

    Attributes:
        name: In tables.
        task: Choice of the group `task`.
        cell: Choice of the group `cell`.
        bidirectional: Whether the encoder reads in both directions.
        hidden: Hidden units of a direction, and of a decoder.
        embedding: Features of a word.
        batch_size: Sequences in a batch.
        corpus: Choice of the group `data`: the real data set.
        vocabulary: About how many words that has; generated ids are below.
        texts: Overrides that make tokens of texts, on any data.
    """

    name: str
    task: TaskName
    cell: Literal["lstm", "gru"]
    bidirectional: bool
    hidden: int
    embedding: int
    batch_size: int
    corpus: str
    vocabulary: int
    texts: tuple[str, ...] = ()

    @property
    def model(self) -> list[str]:
        """Overrides that decide model and batches."""
        words = [
            f"cell={self.cell}",
            f"encoder.bidirectional={str(self.bidirectional).lower()}",
            f"cell.hidden_size={self.hidden}",
            f"embedding.embedding_dim={self.embedding}",
            f"data.batch_size={self.batch_size}",
        ]
        if self.task == "sentiment":
            words.append("task.pooling=max")
        elif self.task == "translation":
            words.append(f"task.embedding_dim={self.embedding}")
        return words

    @property
    def words(self) -> list[str]:
        """The command line behind `rnnlab train`, on the real data set."""
        return [f"task={self.task}", f"data={self.corpus}", *self.texts, *self.model]

    def generated(self, folder: Path, corpus: Corpus) -> list[str]:
        """The same on a generated corpus, which is written to a folder."""
        write = {"sentiment": write_sentiment, "ner": write_conll, "translation": write_parallel}
        return [f"task={self.task}", *write[self.task](folder, corpus), *self.texts, *self.model]


SENTIMENT = Problem(
    name="sentiment LSTM",
    task="sentiment",
    cell="lstm",
    bidirectional=False,
    hidden=128,
    embedding=100,
    batch_size=64,
    corpus="imdb",
    vocabulary=20_000,
    texts=("data.max_vocab_size=20000", "data.max_length=400"),
)
NER = Problem(
    name="NER BiLSTM",
    task="ner",
    cell="lstm",
    bidirectional=True,
    hidden=100,
    embedding=100,
    batch_size=32,
    corpus="conll2003",
    vocabulary=20_000,
)
TRANSLATION = Problem(
    name="translation GRU",
    task="translation",
    cell="gru",
    bidirectional=True,
    hidden=256,
    embedding=256,
    batch_size=64,
    corpus="multi30k",
    vocabulary=8_000,
    texts=("data.level=word", "data.lower=true", "data.min_freq=2"),
)
PROBLEMS = (
    SENTIMENT,
    replace(SENTIMENT, name="sentiment BiLSTM", bidirectional=True),
    replace(SENTIMENT, name="sentiment GRU", cell="gru"),
    NER,
    TRANSLATION,
)
"""Sizes that are common for these data sets; no dropout, so that all implementations agree."""
