"""Translation from the user's own line-aligned files."""

from pathlib import Path
from typing import ClassVar

from rnnlab.data.files import given
from rnnlab.data.spec import Split
from rnnlab.data.translation_data import ParallelData, Side


class ParallelFiles(ParallelData):
    """Pairs of sentences from two files a split, plain or `.gz`: line n of one translates line n.

    Args:
        train: [SOURCE, TARGET] of the training data; not needed to evaluate a trained model.
        val: [SOURCE, TARGET] of the validation data.
        test: [SOURCE, TARGET] of the test data.
    """

    corpus: ClassVar[str] = "parallel_files"

    train: tuple[str, str] | None = None
    val: tuple[str, str] | None = None
    test: tuple[str, str] | None = None

    def sides(self, split: Split) -> tuple[Side, Side]:
        """The two files of a split."""
        source, target = given(split, getattr(self, split))
        return Side(Path(source)), Side(Path(target))
