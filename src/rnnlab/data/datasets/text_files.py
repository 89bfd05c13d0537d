"""Plain texts of the user's own, for language models."""

from collections.abc import Iterable, Iterator
from typing import Any

from rnnlab.data.encoded import Example
from rnnlab.data.reading import lines
from rnnlab.data.spec import Split
from rnnlab.data.stream_data import StreamData
from rnnlab.data.user_files import UserStream


class TextFiles(UserStream, StreamData):
    """One text a split, UTF-8, plain or `.gz`; or one that is split into contiguous pieces."""

    corpus = "text_files"

    def read(self, split: Split) -> Iterator[Example]:
        """The lines, without their ends."""
        return self.kept(split, super().read(split))

    def split_keys(self) -> Iterable[tuple[str, str]]:
        """The lines."""
        return ((line, "") for _, line in lines(self.file("train")))

    def settings(self, part: Split) -> Any:
        """What is held out."""
        return self.held_out(part)
