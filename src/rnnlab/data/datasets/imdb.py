"""IMDb large movie reviews: their sentiment, or their text for word language models."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from rnnlab.config.types import PositiveInt
from rnnlab.data.encoded import EncodedCorpus, Example
from rnnlab.data.formats.acl_imdb import Reviews
from rnnlab.data.labelled_texts import LabelledTexts
from rnnlab.data.source import DatasetInfo, DownloadedData, remote_files
from rnnlab.data.spec import Split
from rnnlab.data.splits import ValidationSplit
from rnnlab.data.stream_data import Level, StreamData
from rnnlab.data.text import Limit, TextData
from rnnlab.data.tokenizer import HTML_BREAK, Tokenizer

LABELLED, UNLABELLED = ("neg", "pos"), ("unsup",)
"""Folders of a split; the second is in `train` alone."""

_CANONICAL = "imdb/aclImdb_v1.tar.gz"
_UNPACKED = "imdb/aclImdb"
_FILES = remote_files(
    "imdb",
    "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe 84125825 aclImdb_v1.tar.gz",
    "https://ai.stanford.edu/~amaas/data/sentiment",
)
_LICENCE = "none stated (research use; cite Maas et al. 2011)"


class ReviewData(DownloadedData, ValidationSplit, TextData):
    """Training and test reviews, read from `imdb/aclImdb_v1*.tar.gz` or `imdb/aclImdb/`.

    There is no official validation split: it is held out of the training reviews. Reviews that
    are repeated go together to one side of it, so that no text stands on both.
    """

    lower: bool = True
    min_freq: int = 2
    max_vocab_size: Limit = 30_000

    def reviews(self, split: Split) -> list[Reviews]:
        """The reviews of the official `train` or `test` split: those with a label."""
        return [Reviews(self.labelled_place(), split, LABELLED)]

    def files(self, split: Split) -> list[Path]:
        """The archives, or the folders of the unpacked split."""
        return [path for reviews in self.reviews(split) for path in reviews.files()]

    def read(self, split: Split) -> Iterator[Example]:
        """The reviews of the official `train` or `test` split."""
        for reviews in self.reviews(split):
            yield from reviews.read()

    def holds(self, split: Split) -> tuple[Split, np.ndarray | None]:
        """Validation and training reviews are both among the official training reviews."""
        if split == "test":
            return "test", None
        corpus = self._as_words("train")
        labelled = np.array([name in LABELLED for name in corpus.target_types], dtype=bool)
        labelled = labelled[corpus.target.values]
        texts = np.unique(corpus.digest[labelled])
        order = np.random.default_rng(self.split_seed).permutation(len(texts))
        held = np.isin(corpus.digest, texts[order[: round(self.val_fraction * len(texts))]])
        return "train", np.flatnonzero(held & labelled if split == "val" else ~held)

    def _as_words(self, part: Split) -> EncodedCorpus:
        """The reviews as words, whatever the tokens are: all levels have one validation split."""
        learnt = self._reused.source_tokenizer if self._reused else None
        if learnt is None or learnt.level != "word":
            learnt = Tokenizer("word", lower=self.lower)
        return self.encode(part, learnt, None)

    def labelled_place(self) -> Path:
        """The archive or folder with the labelled reviews; DataError where there is none."""
        return self.find(*self._archives(unlabelled=False), _CANONICAL, _UNPACKED)

    def unlabelled_place(self) -> Path:
        """The archive or folder with the unlabelled reviews; DataError where there is none."""
        archives = [*self._archives(unlabelled=True), "imdb/aclImdb_v1-unsup.tar.gz"]
        place = self.find(*archives, _CANONICAL, f"{_UNPACKED}/train/unsup")
        return place if place.is_file() else self.folder / _UNPACKED

    def _archives(self, *, unlabelled: bool) -> list[str]:
        names = sorted(path.name for path in (self.folder / "imdb").glob("aclImdb_v1*.tar.gz"))
        return [f"imdb/{name}" for name in names if ("unsup" in name) == unlabelled]


class IMDb(ReviewData, LabelledTexts):
    """25,000 training and 25,000 test reviews, labelled neg or pos (Maas et al. 2011).

    Subwords (`level=bpe`) are learnt from all of the 25,000 training reviews, the held out ones
    included.
    """

    corpus = "imdb"
    about = DatasetInfo(
        title="Large Movie Review Dataset v1: sentiment, English",
        licence=_LICENCE,
        files=_FILES,
        counts={"train": 22_504, "val": 2_496, "test": 25_000},
    )

    batch_size: PositiveInt | None = 64
    max_length: Limit = 400


class IMDbText(ReviewData, StreamData):
    """Training reviews to pretrain an encoder on (Dai and Le 2015, arXiv:1511.01432).

    Words are those of `data=imdb`, each review ends with `<eos>`. With the same `lower`,
    `val_fraction` and `split_seed` the validation reviews are those of `data=imdb` as well: their
    texts are in no training stream, neither with a label nor without. The test stream is the
    official labelled test reviews; nothing else reads them. (In the data set as it is, 105 of the
    labelled and 270 of the unlabelled training texts repeat one of them.)

    Unlabelled reviews are read from `imdb/aclImdb_v1*unsup*.tar.gz`, the original archive, which
    has both, or `imdb/aclImdb/train/unsup/`.

    Args:
        unlabelled: Train on the 50,000 reviews without a label, too.
        max_length: Longer training reviews are cut to this number of tokens; None for no limit.
    """

    corpus = "imdb_text"
    about = DatasetInfo(
        title="Large Movie Review Dataset v1: text, for word language models",
        licence=_LICENCE,
        files=_FILES,
    )

    eval_batch_size: int = 32
    level: Level = "word"
    unlabelled: bool = False
    max_length: Limit = None

    def reviews(self, split: Split) -> list[Reviews]:
        """The reviews of the official `train` or `test` split, those without a label last."""
        found = super().reviews(split)
        if self.unlabelled and split == "train":
            found.append(Reviews(self.unlabelled_place(), split, UNLABELLED))
        return found

    def settings(self, part: Split) -> Any:
        """Whether the unlabelled reviews are read, which may be in the same archive."""
        return [reviews.labels for reviews in self.reviews(part)]

    def read(self, split: Split) -> Iterator[Example]:
        """See the base class; breaks of lines are blanks, as they are where tokens are words."""
        for example in super().read(split):
            text = example.source
            assert isinstance(text, str)  # a review
            yield example._replace(source=HTML_BREAK.sub(" ", text))

    def cut(self, split: Split) -> int | None:
        """Training reviews are cut, others are not."""
        return self.max_length if split == "train" else None
