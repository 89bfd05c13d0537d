"""Translation from the user's own line-aligned files."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rnnlab.config.types import PositiveInt
from rnnlab.data.encoded import Example
from rnnlab.data.reading import TextFile
from rnnlab.data.spec import Split
from rnnlab.data.translation_data import ParallelData
from rnnlab.data.user_files import UserTexts


class ParallelFiles(UserTexts, ParallelData):
    """Pairs of sentences from two files a split, plain or `.gz`: line n of one translates line n.

    Args:
        train: [SOURCE, TARGET] of the training data; not needed to evaluate a trained model.
        val: [SOURCE, TARGET] of the validation data; null for a part of `train` (see `split`).
        test: [SOURCE, TARGET] of the test data; null for a part of `train`.
    """

    corpus = "parallel_files"

    batch_size: PositiveInt | None = None
    train: tuple[str, str] | None = None  # type: ignore[assignment]  # two files each
    val: tuple[str, str] | None = None  # type: ignore[assignment]
    test: tuple[str, str] | None = None  # type: ignore[assignment]

    def sides(self, split: Split) -> tuple[TextFile, TextFile]:
        """The two files of a split."""
        source, target = self.place(split)
        return TextFile(Path(source)), TextFile(Path(target))

    def files(self, split: Split) -> list[Path]:
        """The two files."""
        return [side.path for side in self.sides(split)]

    def read_file(self, split: Split) -> Iterator[Example]:
        """The pairs of the files."""
        return self.read_pairs(*self.sides(split))

    def settings(self, part: Split) -> Any:
        """See the base class; and what is held out."""
        return [*super().settings(part), self.held_out(part)]
