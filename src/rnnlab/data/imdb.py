"""IMDb large movie reviews: sentiment of whole reviews."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, ClassVar

import numpy as np

from rnnlab.data.coded import Example
from rnnlab.data.reading import broken_files, decode, members, sha256
from rnnlab.data.source import About, Remote, data_root, find
from rnnlab.data.spec import Kind, Split
from rnnlab.data.text import TextData
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.errors import DataError

_REVIEW = r"/(?:neg|pos)/[^/]+\.txt"


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
        max_size: Largest number of words in the vocabulary; None for all.
        max_length: Longer reviews are cut to this number of words; None for no limit.
        val_fraction: Share of the training reviews that is held out for validation.
        split_seed: Decides which; another option than `seed`, so that runs that differ in their
            seed share their splits.
    """

    corpus: ClassVar[str] = "imdb"
    kind: ClassVar[Kind] = "label"
    about: ClassVar[About] = About(
        title="Large Movie Review Dataset v1: sentiment, English",
        licence="none stated (research use; cite Maas et al. 2011)",
        files=(
            Remote(
                path="imdb/aclImdb_v1.tar.gz",
                urls=("https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",),
                sha256="c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
                size=84_125_825,
            ),
        ),
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
        max_size: int | None = 30_000,
        max_length: int | None = 400,
        val_fraction: float = 0.1,
        split_seed: int = 0,
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            seed=seed,
            min_freq=min_freq,
            max_size=max_size,
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
        source = self._source()
        if source.is_file():
            return [source]
        return [path for label in ("neg", "pos") for path in _folder(source / split / label)]

    def read(self, split: Split) -> Iterator[Example]:
        """The reviews of the official `train` or `test` split."""
        for path in self.files(split):
            if path.suffix == ".txt":
                with broken_files(path):
                    text = decode(path.read_bytes(), str(path))
                yield Example(text, (path.parent.name,), self.shown(path))
                continue
            for name, data in members(path, re.compile(f"(?:.*/)?aclImdb/{split}{_REVIEW}")):
                text = decode(data, f"{path}:{name}")
                label = PurePosixPath(name).parent.name
                yield Example(text, (label,), f"{self.shown(path)}:{name}")

    def holds(self, split: Split) -> tuple[Split, np.ndarray | None]:
        """Validation and training reviews are both among the official training reviews."""
        if split == "test":
            return "test", None
        # sorted distinct texts, so that the choice depends on the texts alone
        texts, owner = np.unique(self.coded("train").digest, return_inverse=True)
        order = np.random.default_rng(self.split_seed).permutation(len(texts))
        held = np.zeros(len(texts), dtype=bool)
        held[order[: round(self.val_fraction * len(texts))]] = True
        return "train", np.flatnonzero(held[owner] == (split == "val"))

    def sums(self, part: Split) -> dict[str, str]:
        """Of the archive; of an unpacked folder that of the lines `SHA256  NAME` of its files."""
        source = self._source()
        if source.is_file():
            return super().sums(part)
        digests: dict[str, Any] = {}
        for path in self.files(part):
            digest = digests.setdefault(self.shown(path.parent), hashlib.sha256())
            name = path.relative_to(source.parent).as_posix()
            digest.update(f"{sha256(path)}  {name}\n".encode())
        return {folder: digest.hexdigest() for folder, digest in digests.items()}

    def shown(self, path: Path) -> str:
        """The path below the data root."""
        return path.relative_to(self.root).as_posix()

    def _source(self) -> Path:
        folder = self.root / self.corpus
        archives = [
            path.relative_to(self.root).as_posix()
            for path in sorted(folder.glob("aclImdb_v1*.tar.gz"))
            if "unsup" not in path.name
        ]
        wanted = archives or ["imdb/aclImdb_v1.tar.gz"]
        return find(self.root, self.corpus, self.about, [*wanted, "imdb/aclImdb"])


def _folder(folder: Path) -> list[Path]:
    with broken_files(folder):
        found = [path for path in folder.iterdir() if path.suffix == ".txt"]
    if not found:
        raise DataError(f"{folder}: no reviews")
    return sorted(path for path in found if not path.name.startswith("._"))
