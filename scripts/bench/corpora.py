"""Generated corpora with the lengths of the real ones, for where these are not at hand.

Words follow Zipf's law, and what is to be learnt can be learnt from single words: a few telling
words in a review, entities that are always entities, a dictionary. Time depends on lengths and
sizes alone, so figures are much as on the real data.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 1.0)
LENGTHS = {
    "imdb": (11, 105, 146, 201, 328, 400, 400, 400),
    "conll2003": (1, 3, 6, 10, 22, 32, 37, 113),
    "multi30k": (2, 8, 10, 12, 15, 18, 21, 45),
}
"""Quantiles, at `SHARES`, of the training sets' lengths in words (IMDb cut to 400)."""


@dataclass(frozen=True)
class Corpus:
    """How large a generated corpus is.

    Attributes:
        train: Examples to train on; validation and test sets have an eighth of it.
        words: Distinct words.
        longest: Longer examples are cut.
    """

    train: int
    words: int
    longest: int = 400

    @property
    def sizes(self) -> dict[str, int]:
        """Examples of each split."""
        return {"train": self.train, "val": self.train // 8, "test": self.train // 8}


def draw_lengths(corpus: str, size: int, rng: np.random.Generator) -> np.ndarray:
    """Lengths int64 (size,) as a data set of `LENGTHS` has them."""
    return np.interp(rng.random(size), SHARES, LENGTHS[corpus]).round().astype(np.int64)


def sentences(
    corpus: Corpus, like: str, size: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Word ids, the most frequent is 0; lengths as a data set of `LENGTHS` has them."""
    ranks = np.arange(1, corpus.words + 1)
    bounds = np.cumsum(1 / ranks)
    for length in draw_lengths(like, size, rng).clip(max=corpus.longest):
        yield np.searchsorted(bounds, rng.random(length) * bounds[-1])


def write_sentiment(folder: Path, corpus: Corpus) -> list[str]:
    """Reviews, as `text<TAB>label`; the overrides that train on them."""

    def row(ids: np.ndarray, rng: np.random.Generator) -> str:
        label = ("neg", "pos")[int(rng.integers(2))]
        telling = rng.random(len(ids)) < 0.1
        telling[0] = True
        words = [label * 2 if tells else f"w{i}" for i, tells in zip(ids, telling, strict=True)]
        return f"{' '.join(words)}\t{label}\n"

    _write(folder, corpus, "imdb", {"tsv": row})
    return ["data=sentiment_files", *_files(folder, corpus, "{}.tsv")]


def write_conll(folder: Path, corpus: Corpus) -> list[str]:
    """Sentences in columns; the overrides that train on them."""
    kinds = {0: "B-PER", 1: "B-LOC", 2: "B-ORG", 3: "B-MISC"}

    def row(ids: np.ndarray, rng: np.random.Generator) -> str:
        return "".join(f"w{i} {kinds.get(int(i) % 20, 'O')}\n" for i in ids) + "\n"

    _write(folder, corpus, "conll2003", {"conll": row})
    return ["data=conll_files", *_files(folder, corpus, "{}.conll")]


def write_parallel(folder: Path, corpus: Corpus) -> list[str]:
    """Sentence pairs, word for word; the overrides that train on them."""

    def side(letter: str) -> Callable[[np.ndarray, np.random.Generator], str]:
        return lambda ids, rng: " ".join(f"{letter}{i}" for i in ids) + "\n"

    _write(folder, corpus, "multi30k", {"de": side("w"), "en": side("v")})
    return ["data=parallel_files", *_files(folder, corpus, "[{0}.de,{0}.en]")]


def _write(
    folder: Path,
    corpus: Corpus,
    like: str,
    rows: dict[str, Callable[[np.ndarray, np.random.Generator], str]],
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for seed, (split, size) in enumerate(corpus.sizes.items()):
        examples = list(sentences(corpus, like, size, np.random.default_rng(seed)))
        for suffix, row in rows.items():
            rng = np.random.default_rng(seed)
            text = "".join(row(ids, rng) for ids in examples)
            (folder / f"{split}.{suffix}").write_text(text, encoding="utf-8")


def _files(folder: Path, corpus: Corpus, pattern: str) -> list[str]:
    base = folder.resolve()
    return [f"data.{split}={pattern.format(base / split)}" for split in corpus.sizes]
