"""IMDb large movie reviews: sentiment of whole reviews."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np

from rnnlab.data.encoded import Example
from rnnlab.data.formats.reviews import (
    ARCHIVE,
    LABELLED,
    LICENCE,
    held_out,
    labelled_place,
    read_reviews,
    review_files,
    review_sums,
)
from rnnlab.data.source import DatasetInfo, data_root
from rnnlab.data.spec import Kind, Split
from rnnlab.data.text import TextData
from rnnlab.data.tokenizer import Tokenizer


class IMDb(TextData):
    """25,000 training and 25,000 test reviews, labelled neg or pos (Maas et al. 2011).

    There is no official validation split: it is held out of the training reviews. Reviews that
    are repeated go together to one side of it, so that no text stands on both.

    Args:
        batch_size: Reviews in a batch.
        seed: Decides the order of training batches.
        root: The data root; None for `$RNNLAB_DATA`, else the user's cache. Below it
            `imdb/aclImdb_v1*.tar.gz` or the unpacked `imdb/aclImdb/`.
        lower: Lower-case the text.
        min_freq: Rarer words of the training reviews are unknown.
        max_vocab_size: Largest number of words in the vocabulary; None for all.
        max_length: Longer reviews are cut to this number of words; None for no limit.
        val_fraction: Share of the training reviews that is held out for validation.
        split_seed: Decides which; another option than `seed`, so that runs that differ in their
            seed share their splits.
    """

    corpus: ClassVar[str] = "imdb"
    kind: ClassVar[Kind] = "label"
    about: ClassVar[DatasetInfo] = DatasetInfo(
        title="Large Movie Review Dataset v1: sentiment, English",
        licence=LICENCE,
        files=(ARCHIVE,),
        counts={"train": 22_504, "val": 2_496, "test": 25_000},
    )

    def __init__(
        self,
        *,
        batch_size: int = 64,
        seed: int = 0,
        root: str | None = None,
        lower: bool = True,
        min_freq: int = 2,
        max_vocab_size: int | None = 30_000,
        max_length: int | None = 400,
        val_fraction: float = 0.1,
        split_seed: int = 0,
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            seed=seed,
            min_freq=min_freq,
            max_vocab_size=max_vocab_size,
            max_length=max_length,
        )
        self.root = data_root(root)
        self.lower = lower
        self.val_fraction = val_fraction
        self.split_seed = split_seed

    def tokenizers(self) -> tuple[Tokenizer, None]:
        """Words of the reviews."""
        return Tokenizer("word", lower=self.lower), None

    def files(self, split: Split) -> list[Path]:
        """The archive with the labelled reviews, or all files of the unpacked split."""
        return review_files(self._place(), split, LABELLED)

    def read(self, split: Split) -> Iterator[Example]:
        """The reviews of the official `train` or `test` split."""
        return read_reviews(self._place(), split, LABELLED, self.root)

    def holds(self, split: Split) -> tuple[Split, np.ndarray | None]:
        """Validation and training reviews are both among the official training reviews."""
        if split == "test":
            return "test", None
        digest = self.encoded("train").digest
        held = np.isin(digest, held_out(digest, self.val_fraction, self.split_seed))
        return "train", np.flatnonzero(held == (split == "val"))

    def sums(self, part: Split) -> dict[str, str]:
        """Of the archive; of an unpacked folder that of the lines `SHA256  NAME` of its files."""
        return review_sums(self._place(), part, LABELLED, self.root)

    def _place(self) -> Path:
        return labelled_place(self.root, self.corpus, self.about)
