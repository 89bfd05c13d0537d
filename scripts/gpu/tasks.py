"""The benchmark's three tasks on generated data of the same shapes: no file is read."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from torch import nn

from bench.corpora import draw_lengths
from rnnlab.data.loader import BatchLoader, Examples
from rnnlab.data.ragged import Ragged
from rnnlab.data.spec import Spec
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import END, PAD, START, UNK, Vocab
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.nn.embedding import RandomVectors
from rnnlab.nn.encoder import Encoder
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


def makers(small: bool) -> dict[str, Callable[[], Made]]:
    """Each task of the benchmark, by name."""
    return {
        "sentiment LSTM": partial(_sentiment, LSTM, False, small),
        "sentiment BiLSTM": partial(_sentiment, LSTM, True, small),
        "sentiment GRU": partial(_sentiment, GRU, False, small),
        "NER BiLSTM": partial(_ner, small),
        "translation GRU": partial(_translation, small),
    }


def _sentiment(cell: type[nn.Module], bidirectional: bool, small: bool) -> Made:
    """IMDb: 20,000 words, reviews of at most 400."""
    vocab = _vocab(50 if small else 20_000)
    inputs = _sequences("imdb", small, vocab)
    spec = Spec(vocab, Vocab(["neg", "pos"]), "label")
    encoder = _encoder(vocab, 100, cell, 8 if small else 128, bidirectional)
    labels = np.arange(len(inputs)) % 2
    return Made(
        encoder,
        Classify(encoder, spec, pooling="last"),
        Examples(inputs, labels),
        spec,
        _size(64, small),
    )


def _ner(small: bool) -> Made:
    """CoNLL-2003: 20,000 words."""
    vocab = _vocab(50 if small else 20_000)
    inputs = _sequences("conll2003", small, vocab)
    spec = Spec(vocab, Vocab(TAGS), "tags")
    encoder = _encoder(vocab, 100, LSTM, 8 if small else 100, True)
    tags = Ragged(inputs.values % len(TAGS), inputs.offsets)
    return Made(encoder, Tag(encoder, spec), Examples(inputs, tags), spec, _size(32, small))


def _translation(small: bool) -> Made:
    """Multi30k: 8,000 words on either side."""
    vocab = _vocab(50 if small else 8_000)
    source, target = (_sequences("multi30k", small, vocab) for _ in range(2))
    spec = Spec(vocab, vocab, "tokens", target_tokenizer=Tokenizer("space"))
    encoder = _encoder(vocab, 256, GRU, 8 if small else 256, True)
    task = Translate(encoder, spec, embedding_size=256)
    framed = target.framed(vocab.start_id, vocab.end_id)
    return Made(encoder, task, Examples(source, framed), spec, _size(64, small))


def _vocab(size: int) -> Vocab:
    return Vocab([*SPECIAL, *(f"w{i}" for i in range(size - len(SPECIAL)))])


def _sequences(corpus: str, small: bool, vocab: Vocab) -> Ragged:
    """Random ids; the lengths are the corpus's."""
    rng = np.random.default_rng(1)
    lengths = draw_lengths(corpus, 8 if small else 4200, rng).clip(2, 9 if small else None)
    return Ragged.from_lists(rng.integers(len(SPECIAL), len(vocab), size=n) for n in lengths)


def _encoder(
    vocab: Vocab, features: int, cell: type[nn.Module], hidden: int, bidirectional: bool
) -> Encoder:
    embedding = RandomVectors(size=features).module(vocab)
    return Encoder(embedding, partial(cell, hidden_size=hidden), bidirectional=bidirectional)


def _size(size: int, small: bool) -> int:
    return 4 if small else size
