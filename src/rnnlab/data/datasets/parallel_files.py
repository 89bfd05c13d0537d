"""Translation from the user's own line-aligned files."""

from pathlib import Path

from rnnlab.config.types import PositiveInt
from rnnlab.data.reading import TextFile
from rnnlab.data.source import given
from rnnlab.data.spec import Split
from rnnlab.data.translation_data import ParallelData


class ParallelFiles(ParallelData):
    """Pairs of sentences from two files a split, plain or `.gz`: line n of one translates line n.

    Args:
        train: [SOURCE, TARGET] of the training data; not needed to evaluate a trained model.
        val: [SOURCE, TARGET] of the validation data.
        test: [SOURCE, TARGET] of the test data.
    """

    corpus = "parallel_files"

    batch_size: PositiveInt | None = None
    train: tuple[str, str] | None = None
    val: tuple[str, str] | None = None
    test: tuple[str, str] | None = None

    def sides(self, split: Split) -> tuple[TextFile, TextFile]:
        """The two files of a split."""
        source, target = given(split, getattr(self, split))
        return TextFile(Path(source)), TextFile(Path(target))
