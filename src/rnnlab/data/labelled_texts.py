"""Labelled texts whose tokens are words, characters or subwords, as the user likes."""

from typing import Annotated, ClassVar, Literal

from rnnlab.config.types import LEARNT, PositiveInt
from rnnlab.data.bpe import cached_bpe, train_bpe
from rnnlab.data.sequences import LabelledData
from rnnlab.data.text import Tokenizers
from rnnlab.data.tokenizer import Tokenizer


class LabelledTexts(LabelledData):
    """Texts with one label each, read at a level of the user's choice.

    Args:
        level: Tokens are words and punctuation marks, characters, what white space parts, or
            subwords (byte-pair encoding learnt from the texts of the training files).
        vocab_size: Number of subwords, with `level=bpe`.

    Attributes:
        text_side: Which side of an example is the text: 0, the source, or 1.
    """

    finer = "bpe"
    text_side: ClassVar[Literal[0, 1]] = 0

    level: Annotated[Literal["char", "bpe", "word", "space"], LEARNT] = "word"
    vocab_size: Annotated[PositiveInt, LEARNT] = 8_000

    def tokenizers(self) -> Tokenizers:
        """Of the level."""
        if self.level == "bpe":
            options = [self.settings("train"), self.text_side, self.vocab_size, self.lower]
            key = ["labelled", sorted(self.sums("train").items()), *options]
            (subwords,) = cached_bpe(self.corpus, key, self._learn)
            return subwords, None
        return Tokenizer(self.level, lower=self.lower), None

    def dry_tokenizers(self) -> Tokenizers:
        """Words instead of subwords."""
        text = Tokenizer("word" if self.level == "bpe" else self.level, lower=self.lower)
        return (text, None) if self.text_side == 0 else (Tokenizer("whole"), text)

    def _learn(self) -> list[Tokenizer]:
        texts = (str(example[self.text_side]) for example in self.read("train"))
        return [train_bpe(texts, size=self.vocab_size, lower=self.lower)]
