"""IMDb movie reviews as one text for word language models."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from rnnlab.data.base import at_least
from rnnlab.data.encoded import Example
from rnnlab.data.formats.reviews import (
    ARCHIVE,
    LABELLED,
    LICENCE,
    UNLABELLED,
    held_out,
    labelled_place,
    read_reviews,
    review_files,
    review_sums,
    unlabelled_place,
)
from rnnlab.data.source import DatasetInfo, data_root
from rnnlab.data.spec import Split
from rnnlab.data.stream_data import EOS, StreamData
from rnnlab.errors import DataError


class IMDbText(StreamData):
    """Training reviews to pretrain an encoder on (Dai and Le 2015, arXiv:1511.01432).

    Words are those of `data=imdb`, each review ends with `<eos>`. With the same `lower`,
    `val_fraction` and `split_seed` the validation reviews are those of `data=imdb` as well: their
    texts are in no training stream, neither with a label nor without. The test stream is the
    official labelled test reviews; nothing else reads them. (In the data set as it is, 105 of the
    labelled and 270 of the unlabelled training texts repeat one of them.)

    Args:
        batch_size: Parallel streams that the training text is cut into.
        eval_batch_size: The same for validation and test text.
        bptt: Steps of a batch: how far gradients reach back. The state is carried on.
        vary_bptt: Draw them anew for each training batch, around `bptt`.
        seed: Decides what is drawn.
        root: The data root; None for `$RNNLAB_DATA`, else the user's cache. Below it the files of
            `data=imdb`, and for `unlabelled` `imdb/aclImdb_v1*unsup*.tar.gz`, the original
            archive, which has both, or `imdb/aclImdb/train/unsup/`.
        unlabelled: Train on the 50,000 reviews without a label, too.
        lower: Lower-case the text.
        min_freq: Rarer words of the training reviews are unknown.
        max_vocab_size: Largest number of words in the vocabulary; None for all.
        max_length: Longer reviews are cut to this number of words; None for no limit.
        val_fraction: Share of the labelled training reviews that is held out for validation.
        split_seed: Decides which; another option than `seed`, so that runs that differ in their
            seed share their splits.
    """

    corpus: ClassVar[str] = "imdb_text"
    about: ClassVar[DatasetInfo] = DatasetInfo(
        title="Large Movie Review Dataset v1: text, for word language models",
        licence=LICENCE,
        files=(ARCHIVE,),
    )

    def __init__(
        self,
        *,
        batch_size: int = 32,
        eval_batch_size: int = 32,
        bptt: int = 64,
        vary_bptt: bool = False,
        seed: int = 0,
        root: str | None = None,
        unlabelled: bool = False,
        lower: bool = True,
        min_freq: int = 2,
        max_vocab_size: int | None = 30_000,
        max_length: int | None = None,
        val_fraction: float = 0.1,
        split_seed: int = 0,
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            eval_batch_size=eval_batch_size,
            bptt=bptt,
            vary_bptt=vary_bptt,
            seed=seed,
            level="word",
            lower=lower,
            min_freq=min_freq,
            max_vocab_size=max_vocab_size,
        )
        at_least("max_length", 1 if max_length is None else max_length, 1)
        self.root = data_root(root)
        self.unlabelled = unlabelled
        self.max_length = max_length
        self.val_fraction = val_fraction
        self.split_seed = split_seed

    def file(self, split: Split) -> Path:
        """The archive or folder with the labelled reviews."""
        return labelled_place(self.root, self.corpus, self.about)

    def files(self, split: Split) -> list[Path]:
        """The archives, or all files of the unpacked split."""
        return [
            path
            for place, labels in self._places(split)
            for path in review_files(place, split, labels)
        ]

    def settings(self, part: Split) -> Any:
        """Whether the unlabelled reviews are read, which may be in the same archive."""
        return [labels for _, labels in self._places(part)]

    def read(self, split: Split) -> Iterator[Example]:
        """The reviews of the official `train` or `test` split, those without a label last."""
        for place, labels in self._places(split):
            empty = True
            for example in read_reviews(place, split, labels, self.root):
                empty = False
                yield example
            if empty:
                folders = ", ".join(f"{split}/{label}" for label in labels)
                raise DataError(f"{place}: no reviews in {folders}")

    def holds(self, split: Split) -> tuple[Split, np.ndarray | None]:
        """Validation and training reviews are both among the official training reviews."""
        if split == "test":
            return "test", None
        coded = self.encoded("train")
        labelled = np.array([name in LABELLED for name in coded.target_types], dtype=bool)
        labelled = labelled[coded.target.values]
        held = held_out(coded.digest[labelled], self.val_fraction, self.split_seed)
        inside = np.isin(coded.digest, held)
        return "train", np.flatnonzero(inside & labelled if split == "val" else ~inside)

    def tokens(self, split: Split) -> tuple[np.ndarray, list[str]]:
        """See the base class: the reviews, cut, each with its end."""
        coded = self._select(split)
        reviews = coded.source
        if self.max_length is not None:
            reviews = reviews.cut(self.max_length)
        tokenizer, _ = self.current_tokenizers()
        assert tokenizer is not None  # the data's own, or that of a model of the same kind
        end = "\n" if tokenizer.level == "char" else EOS
        return reviews.framed(None, len(coded.source_types)).values, [*coded.source_types, end]

    def sums(self, part: Split) -> dict[str, str]:
        """Of the archives; of unpacked folders that of the lines `SHA256  NAME` of their files."""
        found: dict[str, str] = {}
        for place, labels in self._places(part):
            found |= review_sums(place, part, labels, self.root)
        return found

    def _places(self, split: Split) -> list[tuple[Path, tuple[str, ...]]]:
        """Where the reviews of a split are, and the labels that are read there."""
        places: list[tuple[Path, tuple[str, ...]]] = [(self.file(split), LABELLED)]
        if self.unlabelled and split == "train":
            place = unlabelled_place(self.root, self.corpus, self.about)
            places.append((place, UNLABELLED))
        return places
