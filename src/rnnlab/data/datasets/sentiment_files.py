"""Labelled texts from the user's own tab-separated files."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from rnnlab.data.encoded import Example
from rnnlab.data.given import given
from rnnlab.data.reading import lines
from rnnlab.data.spec import Kind, Split
from rnnlab.data.text import TextData
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.errors import DataError


class SentimentFiles(TextData):
    """One `text<TAB>label` a line, UTF-8, plain or `.gz`, no header; blank lines are skipped.

    Args:
        train: The training file; may be left out to evaluate a trained model.
        val: The validation file.
        test: The test file.
        batch_size: Texts in a batch.
        seed: Decides the order of training batches.
        lower: Lower-case the text.
        min_freq: Rarer words of the training data are unknown.
        max_vocab_size: Largest number of words in the vocabulary; None for all.
        max_length: Longer texts are cut to this number of words; None for no limit.
    """

    corpus: ClassVar[str] = "sentiment_files"
    kind: ClassVar[Kind] = "label"

    def __init__(
        self,
        *,
        train: str | None = None,
        val: str | None = None,
        test: str | None = None,
        batch_size: int = 64,
        seed: int = 0,
        lower: bool = True,
        min_freq: int = 1,
        max_vocab_size: int | None = 30_000,
        max_length: int | None = 400,
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            seed=seed,
            min_freq=min_freq,
            max_vocab_size=max_vocab_size,
            max_length=max_length,
        )
        self.given: dict[Split, str | None] = {"train": train, "val": val, "test": test}
        self.lower = lower

    def tokenizers(self) -> tuple[Tokenizer, None]:
        """Words of the texts."""
        return Tokenizer("word", lower=self.lower), None

    def files(self, split: Split) -> list[Path]:
        """The file of a split."""
        return [Path(given(self.given, split))]

    def read(self, split: Split) -> Iterator[Example]:
        """The lines of the file."""
        (path,) = self.files(split)
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
