"""The large movie review data set: `aclImdb/SPLIT/LABEL/*.txt`, packed or unpacked."""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from rnnlab.data.encoded import Example
from rnnlab.data.reading import broken_files, decode, members, sha256
from rnnlab.data.spec import Split
from rnnlab.errors import DataError


@dataclass(frozen=True)
class Reviews:
    """The reviews of some labels of a split.

    Attributes:
        place: The archive, or the unpacked folder `aclImdb`.
        split: `train` or `test`, as the data set has them.
        labels: Names of the folders that are read.
    """

    place: Path
    split: Split
    labels: tuple[str, ...]

    def files(self) -> list[Path]:
        """The archive, or all files of the unpacked folders."""
        if self.place.is_file():
            return [self.place]
        folders = (self.place / self.split / label for label in self.labels)
        return [path for folder in folders for path in _texts(folder)]

    def read(self) -> Iterator[Example]:
        """The reviews with their labels.

        Raises:
            DataError: There are none, or one is not UTF-8.
        """
        found = False
        for name, data in self._members():
            found = True
            yield Example(decode(data, name), (PurePosixPath(name).parent.name,), name)
        if not found:
            folders = ", ".join(f"{self.split}/{label}" for label in self.labels)
            raise DataError(f"{self.place}: no reviews in {folders}")

    def sums(self) -> dict[str, str]:
        """sha256 of the archive; of a folder that of the lines `SHA256  NAME` of its files."""
        if self.place.is_file():
            return {str(self.place): sha256(self.place)}
        digests: dict[str, Any] = {}
        for path in self.files():
            digest = digests.setdefault(str(path.parent), hashlib.sha256())
            name = path.relative_to(self.place.parent).as_posix()
            digest.update(f"{sha256(path)}  {name}\n".encode())
        return {folder: digest.hexdigest() for folder, digest in digests.items()}

    def _members(self) -> Iterator[tuple[str, bytes]]:
        """Names and contents."""
        if self.place.is_file():
            folders = "|".join(self.labels)
            wanted = re.compile(rf"(?:.*/)?aclImdb/{self.split}/(?:{folders})/[^/]+\.txt")
            for name, data in members(self.place, wanted):
                yield f"{self.place}:{name}", data
            return
        for path in self.files():
            with broken_files(path):
                data = path.read_bytes()
            yield str(path), data


def _texts(folder: Path) -> list[Path]:
    with broken_files(folder):
        found = [path for path in folder.iterdir() if path.suffix == ".txt"]
    if not found:
        raise DataError(f"{folder}: no reviews")
    return sorted(path for path in found if not path.name.startswith("._"))
