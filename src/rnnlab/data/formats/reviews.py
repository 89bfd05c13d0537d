"""The files of the large movie review data set, packed or unpacked, and the reviews in them."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from rnnlab.data.encoded import Example
from rnnlab.data.reading import broken_files, decode, members, sha256
from rnnlab.data.source import DatasetInfo, RemoteFile, find
from rnnlab.data.spec import Split
from rnnlab.errors import DataError

LABELLED, UNLABELLED = ("neg", "pos"), ("unsup",)
"""Folders of a split; the second is in `train` alone."""

_CANONICAL = "imdb/aclImdb_v1.tar.gz"
_UNPACKED = "imdb/aclImdb"

ARCHIVE = RemoteFile(
    path=_CANONICAL,
    urls=("https://ai.stanford.edu/~amaas/data/sentiment/aclImdb_v1.tar.gz",),
    sha256="c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
    size=84_125_825,
)
"""The original, with all reviews."""
LICENCE = "none stated (research use; cite Maas et al. 2011)"


def labelled_place(root: Path, corpus: str, about: DatasetInfo) -> Path:
    """The archive or folder with the labelled reviews; DataError where there is none."""
    found = sorted((root / "imdb").glob("aclImdb_v1*.tar.gz"))
    archives = [f"imdb/{path.name}" for path in found if "unsup" not in path.name]
    return find(root, corpus, about, [*(archives or [_CANONICAL]), _UNPACKED])


def unlabelled_place(root: Path, corpus: str, about: DatasetInfo) -> Path:
    """The archive or folder with the unlabelled reviews; DataError where there is none."""
    archives = sorted((root / "imdb").glob("aclImdb_v1*unsup*.tar.gz"))
    names = [f"imdb/{path.name}" for path in archives] or ["imdb/aclImdb_v1-unsup.tar.gz"]
    folder = f"{_UNPACKED}/train/unsup"
    place = find(root, corpus, about, [*names, _CANONICAL, folder])
    return place if place.is_file() else root / _UNPACKED


def review_files(place: Path, split: Split, labels: Sequence[str]) -> list[Path]:
    """The archive, or of an unpacked folder all files of a split's labels."""
    if place.is_file():
        return [place]
    return [path for label in labels for path in _folder(place / split / label)]


def read_reviews(place: Path, split: Split, labels: Sequence[str], root: Path) -> Iterator[Example]:
    """The reviews of a split with their labels.

    Args:
        place: Archive or folder.
        split: `train` or `test`, as the data set has them.
        labels: Names of the folders that are read.
        root: The data root; files are named by their paths below it.
    """
    if not place.is_file():
        for path in review_files(place, split, labels):
            with broken_files(path):
                text = decode(path.read_bytes(), str(path))
            yield Example(text, (path.parent.name,), _below(root, path))
        return
    names = "|".join(labels)
    for name, data in members(
        place, re.compile(rf"(?:.*/)?aclImdb/{split}/(?:{names})/[^/]+\.txt")
    ):
        text = decode(data, f"{place}:{name}")
        label = PurePosixPath(name).parent.name
        yield Example(text, (label,), f"{_below(root, place)}:{name}")


def review_sums(place: Path, split: Split, labels: Sequence[str], root: Path) -> dict[str, str]:
    """sha256 of the archive; of unpacked folders that of the lines `SHA256  NAME` of their files.

    Args:
        place: Archive or folder.
        split: `train` or `test`.
        labels: Names of the folders.
        root: The data root; the keys are paths below it.
    """
    if place.is_file():
        return {_below(root, place): sha256(place)}
    digests: dict[str, Any] = {}
    for path in review_files(place, split, labels):
        digest = digests.setdefault(_below(root, path.parent), hashlib.sha256())
        name = path.relative_to(place.parent).as_posix()
        digest.update(f"{sha256(path)}  {name}\n".encode())
    return {folder: digest.hexdigest() for folder, digest in digests.items()}


def held_out(digest: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Digests of the distinct texts that are held out for validation.

    Args:
        digest: Of every labelled training review, in any order: the choice depends on the texts
            alone.
        fraction: Share of the distinct texts.
        seed: Decides which.
    """
    texts = np.unique(digest)
    order = np.random.default_rng(seed).permutation(len(texts))
    return texts[order[: round(fraction * len(texts))]]


def _below(root: Path, path: Path) -> str:
    return path.relative_to(root).as_posix()


def _folder(folder: Path) -> list[Path]:
    with broken_files(folder):
        found = [path for path in folder.iterdir() if path.suffix == ".txt"]
    if not found:
        raise DataError(f"{folder}: no reviews")
    return sorted(path for path in found if not path.name.startswith("._"))
