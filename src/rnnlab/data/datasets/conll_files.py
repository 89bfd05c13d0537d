"""Tagged sentences from the user's own column files."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from rnnlab.data.column_data import ColumnData
from rnnlab.data.encoded import Example
from rnnlab.data.formats.conll_columns import read_columns
from rnnlab.data.given import given
from rnnlab.data.spec import Split
from rnnlab.data.tag_schemes import Scheme


class CoNLLFiles(ColumnData):
    """One token and its tags a line, a blank line between sentences; plain or `.gz`.

    Columns are parted by tabs or blanks. Any set of tags will do; those that look like IOB1
    or BIOES become what `scheme` says.

    Args:
        train: The training file; may be left out to evaluate a trained model.
        val: The validation file.
        test: The test file.
        tag_column: The column to learn, from 0; negative counts from the last.
        scheme: `iob2`, or `bioes` with tags of their own for entities' ends.
        batch_size: Sentences in a batch.
        seed: Decides the order of training batches.
        min_freq: Rarer words of the training data are unknown.
        max_vocab_size: Largest number of words in the vocabulary; None for all.
        max_length: Longer sentences are cut to this number of words; None for no limit.
    """

    corpus: ClassVar[str] = "conll_files"

    def __init__(
        self,
        *,
        train: str | None = None,
        val: str | None = None,
        test: str | None = None,
        tag_column: int = -1,
        scheme: Scheme = "iob2",
        batch_size: int = 32,
        seed: int = 0,
        min_freq: int = 1,
        max_vocab_size: int | None = None,
        max_length: int | None = None,
    ) -> None:
        super().__init__(
            tag_column=tag_column,
            scheme=scheme,
            batch_size=batch_size,
            seed=seed,
            min_freq=min_freq,
            max_vocab_size=max_vocab_size,
            max_length=max_length,
        )
        self.given: dict[Split, str | None] = {"train": train, "val": val, "test": test}

    def files(self, split: Split) -> list[Path]:
        """The file of a split."""
        return [Path(given(self.given, split))]

    def read(self, split: Split) -> Iterator[Example]:
        """The sentences of a split."""
        (path,) = self.files(split)
        return read_columns(path, tag_column=self.tag_column, iob_only=False, scheme=self.scheme)
