"""All that the data tells the model; plain and serialisable, so that a checkpoint can hold it."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import UnionType
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints

from rnnlab.data.audio import LogMel
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import Vocab

Kind = Literal["label", "tags", "tokens", "next", "values"]
"""What a target is: one label a sequence, one tag a step, a second sequence, the next token at
each step of a stream, or real numbers."""

Split = Literal["train", "val", "test"]


@dataclass(frozen=True)
class Spec:
    """Sizes, vocabularies and text processing of a data set.

    Attributes:
        source: Vocabulary of the inputs, or their number of features F.
        target: Vocabulary of labels, tags or target tokens, or the number of values K.
        kind: What a target is; a task declares the kind that it can learn.
        source_tokenizer: Splits a raw text into source tokens; None where inputs are not text.
        target_tokenizer: Joins target tokens into text; for kind "tokens" only.
        max_length: The model reads so many steps of a sequence at most.
        characters: Vocabulary of the characters of source words; None where no model reads them.
        audio: Makes the features of a sound wave; None where inputs are no sounds.
    """

    source: Vocab | int
    target: Vocab | int
    kind: Kind
    source_tokenizer: Tokenizer | None = None
    target_tokenizer: Tokenizer | None = None
    max_length: int | None = None
    characters: Vocab | None = None
    audio: LogMel | None = None

    @property
    def source_vocab(self) -> Vocab:
        """The vocabulary of inputs that are tokens."""
        assert isinstance(self.source, Vocab), "inputs are features"
        return self.source

    @property
    def target_vocab(self) -> Vocab:
        """The vocabulary of targets that are labels, tags or tokens."""
        assert isinstance(self.target, Vocab), "targets are values"
        return self.target

    @property
    def target_size(self) -> int:
        """Number of labels, tags, tokens or values."""
        return self.target if isinstance(self.target, int) else len(self.target)

    def to_dict(self) -> dict[str, Any]:
        """Plain values (dicts, lists, strings, numbers), for a checkpoint."""
        return {
            name: value.to_dict() if isinstance(value, Vocab | Tokenizer | LogMel) else value
            for name, value in vars(self).items()
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`.

        Raises:
            TypeError, ValueError: Other values than `to_dict` gives.
        """
        values = dict(state)  # older checkpoints have no characters and no sounds
        parts: dict[str, type[LogMel | Tokenizer]] = {
            "audio": LogMel,
            "source_tokenizer": Tokenizer,
            "target_tokenizer": Tokenizer,
        }
        for name, value in state.items():
            if isinstance(value, Mapping):
                part: type[LogMel | Tokenizer | Vocab] = parts.get(name, Vocab)
                values[name] = part.from_dict(value)
        spec = cls(**values)
        for each in (spec, spec.source_tokenizer, spec.target_tokenizer, spec.audio):
            check_types(each)
        return spec


def check_types(record: Any) -> None:
    """A TypeError where the values of a dataclass are not what its annotations say."""
    for name, hint in get_type_hints(type(record)).items():
        value = getattr(record, name)
        origin = get_origin(hint)
        known = hint if origin in (None, UnionType) else origin  # of tuple[float, ...] the tuple
        fits = value in get_args(hint) if origin is Literal else isinstance(value, known)
        if not fits:
            raise TypeError(f"{name} cannot be {str(value)[:40]!r}")
