"""Labelled texts from tables of the user's own, by the names of their columns."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rnnlab.data.encoded import EncodedCorpus, Example
from rnnlab.data.formats.tables import as_text, is_table
from rnnlab.data.labelled_texts import LabelledTexts
from rnnlab.data.spec import Kind, Spec, Split
from rnnlab.data.table_data import TableData
from rnnlab.data.text import Limit
from rnnlab.data.vocab import Vocab
from rnnlab.errors import DataError, counted, shortened

FEW = 20
"""So many labels are never too many."""


class TableFiles(TableData, LabelledTexts):
    """Texts with labels, or with numbers for a task that learns these, in columns with names.

    CSV or TSV with a header, JSON lines (`.jsonl`, `.json`), parquet, a data set that Hugging
    Face's `datasets` saved to disk, a folder of such files, or texts by label (`LABEL/*.txt`).

    Args:
        text: The column of the texts.
        label: The column of the labels.
    """

    corpus = "table_files"
    other_kinds = ("values",)

    lower: bool = True
    max_vocab_size: Limit = 30_000
    max_length: Limit = 400
    text: str = "text"
    label: str = "label"

    def read_file(self, split: Split) -> Iterator[Example]:
        """The rows of the file; a label that is empty is a DataError."""
        for row in self.rows(self.file(split), self.text, self.label):
            text = as_text(row.values[0], row.place, self.text)
            label = as_text(row.values[1], row.place, self.label).strip()
            if not label:
                raise DataError(f"{row.place}: the label is empty (column {self.label!r})")
            yield Example(text, (label,), row.file, row.line)

    def texts(self, path: Path) -> Iterator[str] | None:
        """The column of the texts, in a file whose name says that it is a table."""
        if not is_table(path):
            return None
        rows = self.rows(path, self.text)
        return (as_text(row.values[0], row.place, self.text) for row in rows)

    def settings(self, part: Split) -> Any:
        """The columns, how they are read, and what is held out."""
        return [self.text, self.label, self.layout(), self.held_out(part)]

    def class_of(self, example: Example) -> str:
        """The label; numbers are no classes."""
        return "" if self._kind == "values" else example.target[0]

    def use_kind(self, kind: Kind) -> None:
        """See the base class."""
        super().use_kind(kind)
        self._kind = kind
        self._spec = None

    def vocabularies(self, train: EncodedCorpus) -> tuple[Vocab, Vocab | int]:
        """See the base class; that there is one number.

        Raises:
            DataError: All rows have the same.
        """
        if self._kind == "label":
            return super().vocabularies(train)
        found = list(train.target_counts())
        if all(map(_is_number, found)) and len(set(map(float, found))) == 1:
            raise DataError(
                f"{train.files[0]}: only one number, {found[0]}, in "
                f"{counted(len(train), 'row')} (column {self.label!r}): there is nothing to learn"
            )
        return self.vocab(train.source_counts(self.max_length)), 1

    def target_vocab(self, train: EncodedCorpus) -> Vocab:
        """The labels.

        Raises:
            DataError: So many labels that they look like texts or numbers, or a single one.
        """
        labels = super().target_vocab(train)
        if len(train) and len(labels) < 2:
            raise DataError(
                f"{train.files[0]}: only one label, {labels.tokens[0]!r}, in "
                f"{counted(len(train), 'row')} (column {self.label!r}): there is nothing to learn"
            )
        if len(labels) > max(FEW, len(train) // 10):
            numbers = all(_is_number(label) for label in labels.tokens)
            hint = (
                "numbers are learnt by task=regression"
                if numbers
                else "are data.text and data.label exchanged?"
            )
            raise DataError(
                f"{train.files[0]}: {len(labels):,} different labels in {len(train):,} rows "
                f"(column {self.label!r}), such as {shortened(labels.tokens, 3)}; {hint}"
            )
        return labels

    def encode_targets(self, corpus: EncodedCorpus, spec: Spec) -> np.ndarray:
        """See the base class; numbers as they are, float32 (N, 1)."""
        if spec.kind == "label":
            return super().encode_targets(corpus, spec)
        wrong = [not _is_number(target) for target in corpus.target_types]
        for row in np.flatnonzero(np.array(wrong, dtype=bool)[corpus.target.values])[:1]:
            found = corpus.target_types[corpus.target.values[row]]
            words = sum(wrong) > len(wrong) / 2
            hint = "; labels that are words are learnt by task=classification" if words else ""
            raise DataError(
                f"{corpus.place(row)}: {found!r} is no number (column {self.label!r}){hint}"
            )
        values: np.ndarray = np.array([*map(float, corpus.target_types)], dtype=np.float32)
        return np.take(values, corpus.target.values)[:, None]

    def remarks(self) -> list[str]:
        """See the base class; the range of numbers."""
        if self._kind == "label":
            return super().remarks()
        values = self.encode_targets(self.select("train"), self.spec())
        return [
            *super().remarks(),
            f"numbers from {values.min():g} to {values.max():g}, mean {values.mean():g}, "
            f"deviation {values.std():g}",
        ]

    def dry_targets(self) -> Sequence[str]:
        """Two labels, or numbers."""
        return ("0", "1") if self._kind == "values" else super().dry_targets()


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False
