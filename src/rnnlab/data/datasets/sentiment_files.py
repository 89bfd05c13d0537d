"""Labelled texts from the user's own tab-separated files."""

from collections.abc import Iterator

from rnnlab.config.types import PositiveInt
from rnnlab.data.encoded import Example
from rnnlab.data.reading import lines
from rnnlab.data.sequences import LabelledData, LabelToText
from rnnlab.data.source import UserFiles
from rnnlab.data.spec import Split
from rnnlab.data.text import Limit
from rnnlab.errors import DataError


class SentimentFiles(UserFiles, LabelledData):
    """One `text<TAB>label` a line, UTF-8, plain or `.gz`, no header; blank lines are skipped."""

    corpus = "sentiment_files"

    batch_size: PositiveInt | None = None
    lower: bool = True
    max_vocab_size: Limit = 30_000
    max_length: Limit = 400

    def read(self, split: Split) -> Iterator[Example]:
        """The lines of the file."""
        path = self.file(split)
        for number, line in lines(path):
            if not line or line.isspace():
                continue
            columns = line.split("\t")
            if len(columns) != 2:
                raise DataError(
                    f"{path}:{number}: text<TAB>label needs one tab, not {len(columns) - 1}"
                )
            text, label = columns[0], columns[1].strip()
            if not label:
                raise DataError(f"{path}:{number}: the label is empty")
            yield Example(text, (label,), str(path), number)


class SentimentFilesOfLabel(LabelToText, SentimentFiles):  # type: ignore[misc]  # sides exchanged
    """Texts of a label, from the user's own `text<TAB>label` files; see `SentimentFiles`."""
