"""Labelled texts from the user's own tables."""

from collections.abc import Iterator
from typing import Any, get_args

from rnnlab.config.types import NonNegativeInt, PositiveInt
from rnnlab.data.encoded import EncodedCorpus, Example
from rnnlab.data.formats.labelled import recognise
from rnnlab.data.labelled_texts import LabelledTexts
from rnnlab.data.sequences import LabelToText
from rnnlab.data.spec import Split
from rnnlab.data.text import Limit
from rnnlab.data.user_files import UserTexts
from rnnlab.data.vocab import Vocab
from rnnlab.errors import DataError, shortened

FEW = 20
"""So many labels are never too many."""


class SentimentFiles(UserTexts, LabelledTexts):
    """One `text<TAB>label` a line or a CSV file, UTF-8, plain or `.gz`; blank lines are skipped.

    A header row and quotes around fields are recognised; a run says so when it begins.

    Args:
        columns: [TEXT, LABEL], from 0; null for those that the header names, else text, label.
    """

    corpus = "sentiment_files"

    batch_size: PositiveInt | None = None
    lower: bool = True
    max_vocab_size: Limit = 30_000
    max_length: Limit = 400
    columns: tuple[NonNegativeInt, NonNegativeInt] | None = None

    def settings(self, part: Split) -> Any:
        """The columns, and what is held out."""
        return [self.columns, self.held_out(part)]

    def read_file(self, split: Split) -> Iterator[Example]:
        """The rows of the file."""
        return recognise(self.file(split), self.columns).read()

    def class_of(self, example: Example) -> str:
        """The label."""
        return example.target[0]

    def target_vocab(self, train: EncodedCorpus) -> Vocab:
        """See the base class; so many labels that they look like texts are a DataError."""
        labels = super().target_vocab(train)
        if self.columns is None and len(labels) > max(FEW, len(train) // 10):
            raise DataError(
                f"{train.files[0]}: {len(labels):,} different labels in {len(train):,} rows, such "
                f"as {shortened(labels.tokens, 3)}; data.columns=[1,0] if labels come "
                "first, data.columns=[0,1] if this is right"
            )
        return labels

    def remarks(self) -> list[str]:
        """See the base class; how the files were read."""
        own = [s for s in get_args(Split) if s == "train" or getattr(self, s) is not None]
        found = ((split, recognise(self.file(split), self.columns)) for split in own)
        return [*super().remarks(), *(f"{split}: {table}" for split, table in found if str(table))]


class SentimentFilesOfLabel(LabelToText, SentimentFiles):  # type: ignore[misc]  # sides exchanged
    """Texts of a label, from the user's own files; see `SentimentFiles`."""
