"""The large movie review data set: `aclImdb/SPLIT/LABEL/*.txt`, packed or unpacked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from rnnlab.data.encoded import Example
from rnnlab.data.reading import broken_files, decode, members
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
        """The archive, or the unpacked folders."""
        if self.place.is_file():
            return [self.place]
        return [self.place / self.split / label for label in self.labels]

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

    def _members(self) -> Iterator[tuple[str, bytes]]:
        """Names and contents."""
        if self.place.is_file():
            folders = "|".join(self.labels)
            wanted = re.compile(rf"(?:.*/)?aclImdb/{self.split}/(?:{folders})/[^/]+\.txt")
            for name, data in members(self.place, wanted):
                yield f"{self.place}:{name}", data
            return
        for folder in self.files():
            for path in sorted(folder.glob("[!.]*.txt")):
                with broken_files(path):
                    data = path.read_bytes()
                yield str(path), data
