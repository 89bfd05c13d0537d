"""From text to tokens and back."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal, Self

from tokenizers import Tokenizer as Subwords

_WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
_HTML_BREAK = re.compile(r"<br\s*/?>")

Level = Literal["space", "word", "char", "bpe", "whole"]


@dataclass(frozen=True)
class Tokenizer:
    """Splits a text into tokens and joins tokens into a text.

    Attributes:
        level: `space` splits at white space (text that is tokenised already), `word` takes runs of
            letters and digits (with inner apostrophes) and single other characters as tokens,
            `char` every character, `bpe` the subwords of `model`, `whole` the text itself, for
            labels.
        lower: Lower-case the text first.
        model: A `tokenizers` model as JSON, for `bpe`.
    """

    level: Level
    lower: bool = False
    model: str | None = None

    def __post_init__(self) -> None:
        if (self.model is None) == (self.level == "bpe"):
            raise ValueError("a model is needed for bpe, and for bpe alone")

    @cached_property
    def _subwords(self) -> Subwords:
        assert self.model is not None  # checked for bpe
        return Subwords.from_str(self.model)

    def split(self, text: str) -> list[str]:
        """Tokens of one text; none for blank text."""
        if self.lower:
            text = text.lower()
        match self.level:
            case "space":
                return text.split()
            case "word":
                return _WORD.findall(_HTML_BREAK.sub(" ", text))
            case "char":
                return list(text)
            case "bpe":
                return list(self._subwords.encode(text).tokens)
            case "whole":
                return [text.strip()] if text.strip() else []

    def join(self, tokens: Sequence[str]) -> str:
        """A readable text; the inverse of `split` up to white space (and case)."""
        match self.level:
            case "char":
                return "".join(tokens)
            case "bpe":
                return str(self._subwords.decoder.decode(list(tokens))).strip(" ")
            case _:
                return " ".join(tokens)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for checkpoints."""
        return asdict(self)

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        return cls(**state)
