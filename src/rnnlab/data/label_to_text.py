"""Labelled texts the other way round: the text of a label, for models that write."""

from collections.abc import Iterator
from typing import ClassVar

from rnnlab.data.datasets.names import Names
from rnnlab.data.datasets.sentiment_files import SentimentFiles
from rnnlab.data.encoded import Example
from rnnlab.data.spec import Kind, Split
from rnnlab.data.text import TextData
from rnnlab.data.tokenizer import Tokenizer


class LabelToText(TextData):
    """Put before a corpus of labelled texts, it makes the labels sources and the texts targets.

    A corpus whose splits depend on its encoded texts (`TextData.holds`) cannot be turned round.
    """

    kind: ClassVar[Kind] = "tokens"

    def read(self, split: Split) -> Iterator[Example]:
        """The corpus's examples, sides exchanged."""
        for example in super().read(split):  # type: ignore[safe-super]  # the corpus comes behind
            yield example._replace(source=example.target, target=example.source)

    def tokenizers(self) -> tuple[Tokenizer, Tokenizer | None]:
        """Whole labels, and what the corpus makes of its texts."""
        return Tokenizer("whole"), super().tokenizers()[0]  # type: ignore[safe-super]


class NamesOfLabel(LabelToText, Names):  # type: ignore[misc]  # tokenizers of both sides
    """Surnames of a language; see `Names`."""


class SentimentFilesOfLabel(LabelToText, SentimentFiles):  # type: ignore[misc]
    """Texts of a label, from the user's own `text<TAB>label` files; see `SentimentFiles`."""
