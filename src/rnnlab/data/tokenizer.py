"""From text to tokens and back."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal, Self

import regex
from tokenizers import Tokenizer as Subwords

_WORD = re.compile(r"\w+(?:['’]\w+)*|[^\w\s]")
# what follows a character without being one: marks, joiners, variation selectors (UAX 29, WB4)
_MARKS = r"[\p{WB=Extend}\p{WB=ZWJ}]"
_LETTER = r"[\p{L}\p{N}_]"
_RUN = rf"{_LETTER}(?:{_LETTER}|{_MARKS}|\p{{WB=Format}}++(?={_LETTER}))*+"
_INNER = rf"['’·\u2027\u05f3\u05f4]|(?<=\p{{Hebrew}}{_MARKS}*)\"(?=\p{{Hebrew}})"
_OTHER = rf"(?:\p{{RI}}{{2}}|[^\p{{L}}\p{{N}}_\s\x1c-\x1f]){_MARKS}*+"
_UNICODE_WORD = regex.compile(
    rf"{_RUN}(?:(?:{_INNER}){_RUN})*+|{_OTHER}(?:(?<=\u200d)\p{{ExtPict}}{_MARKS}*+)*+"
)
HTML_BREAK = re.compile(r"<br\s*/?>")

Level = Literal["space", "word", "char", "bpe", "whole"]


@dataclass(frozen=True)
class Tokenizer:
    """Splits a text into tokens and joins tokens into a text.

    Attributes:
        level: `space` splits at white space (text that is tokenised already), `word` takes runs of
            letters and digits (with inner apostrophes) and other characters as tokens, `char` every
            character, `bpe` the subwords of `model`, `whole` the text itself, for labels.
        lower: Lower-case the text first.
        model: A `tokenizers` model as JSON, for `bpe`.
        version: Of `word`. 2 brings the text into the normal form NFC and leaves marks with their
            letters, emoji whole and Hebrew abbreviations together, as Unicode's word boundaries do
            (UAX 29); full stops, commas and colons always part, and runs of letters of scripts
            without spaces stay whole. 1, of models before 0.3.0, parts words at each mark. On
            ASCII text both are one.
    """

    level: Level
    lower: bool = False
    model: str | None = None
    version: Literal[1, 2] = 2

    def __post_init__(self) -> None:
        if (self.model is None) == (self.level == "bpe"):
            raise ValueError("a model is needed for bpe, and for bpe alone")

    @cached_property
    def _subwords(self) -> Subwords:
        assert self.model is not None  # checked for bpe
        return Subwords.from_str(self.model)

    def split(self, text: str) -> list[str]:
        """Tokens of one text; none for blank text."""
        if self.level == "word":
            return self._words(text)
        if self.lower:
            text = text.lower()
        match self.level:
            case "space":
                return text.split()
            case "char":
                return list(text)
            case "bpe":
                return list(self._subwords.encode(text).tokens)
            case "whole":
                return [text.strip()] if text.strip() else []

    def _words(self, text: str) -> list[str]:
        unicode = self.version == 2 and not text.isascii()
        if unicode:  # the small letter of the dotted I is i: `lower` gives it two dots
            text = unicodedata.normalize("NFC", text)
            text = text.replace("İ", "i") if self.lower else text
        text = HTML_BREAK.sub(" ", text.lower() if self.lower else text)
        return list((_UNICODE_WORD if unicode else _WORD).findall(text))

    @property
    def subwords(self) -> list[str]:
        """All tokens of `bpe`, by their number in its model."""
        known = self._subwords.get_vocab()
        return sorted(known, key=known.__getitem__)

    def join(self, tokens: Sequence[str]) -> str:
        """A readable text; the inverse of `split` up to white space (and case)."""
        match self.level:
            case "char":
                return "".join(tokens)
            case "bpe":
                text = str(self._subwords.decoder.decode(list(tokens)))
                return text if self._subwords.normalizer is None else text.strip(" ")
            case _:
                return " ".join(tokens)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for checkpoints."""
        return asdict(self)

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`, also of versions that had one kind of words.

        Raises:
            TypeError, ValueError: Other values than `to_dict` gives.
        """
        first = {"version": 1} if state["level"] == "word" else {}
        made = cls(**first | dict(state))
        if made.model is not None:
            try:
                made.split("")  # reads the model
            except Exception as error:  # the library has no class of its own for it
                raise ValueError(f"no model of subwords: {error}") from None
        return made
