"""A part of a corpus as numbers: what is cached, whatever the vocabulary will be."""

import hashlib
import json
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import IO, NamedTuple, Self

import numpy as np

from rnnlab.data.ragged import Ragged
from rnnlab.data.tokenizer import Tokenizer
from rnnlab.data.vocab import UNK
from rnnlab.files import read_arrays


def digest(tokens: Sequence[str]) -> bytes:
    """A 64-bit hash of tokens."""
    joined = "\0".join(tokens).encode(errors="surrogatepass")
    return hashlib.blake2b(joined, digest_size=8).digest()


class Example(NamedTuple):
    """One example as a corpus gives it.

    A string is a text that the data's tokenizer splits; a sequence is tokens as they are.

    Attributes:
        source: The input.
        target: A target text, tags, or a single label in a tuple.
        file: Where it stands, for messages: a file or a member of an archive.
        line: Its (first) line, from 1; 0 where a file is one example.
    """

    source: str | Sequence[str]
    target: str | Sequence[str]
    file: str
    line: int = 0


@dataclass(frozen=True)
class EncodedCorpus:
    """Examples as positions in the complete lists of the types that occur.

    Attributes:
        source: Inputs, N sequences; an input without tokens is a single `<unk>`.
        target: Targets, N sequences.
        source_types: Distinct input tokens, in order of appearance.
        target_types: Distinct target tokens, tags or labels.
        files: Distinct names of files.
        file_of: Which of them each example stands in, int32 (N,).
        line: Its line, int32 (N,).
        digest: A 64-bit hash of the input's tokens, uint64 (N,): equal for repeats.
        words: Words of each input text, parted by white space, int32 (N,); of tokens their number.
        characters: Its characters, int32 (N,); of tokens their number.
        texts: Target texts as they stand in the file; empty where targets are not texts.
    """

    source: Ragged
    target: Ragged
    source_types: list[str]
    target_types: list[str]
    files: list[str]
    file_of: np.ndarray
    line: np.ndarray
    digest: np.ndarray
    words: np.ndarray
    characters: np.ndarray
    texts: list[str]

    def __len__(self) -> int:
        """Number of examples N."""
        return len(self.source)

    @property
    def blank(self) -> np.ndarray:
        """Which inputs have no tokens, bool (N,)."""
        return np.isin(self.digest, np.frombuffer(digest(()), dtype="<u8"))

    def place(self, row: int) -> str:
        """Where an example stands: file:line."""
        name = self.files[self.file_of[row]]
        return f"{name}:{self.line[row]}" if self.line[row] else name

    def source_counts(self, max_length: int | None = None) -> dict[str, int]:
        """How often each input token occurs, in inputs cut to `max_length`."""
        return count_types(self.source.cut(max_length).values, self.source_types)

    def target_counts(self, max_length: int | None = None) -> dict[str, int]:
        """How often each target token, tag or label occurs, in targets cut to `max_length`."""
        return count_types(self.target.cut(max_length).values, self.target_types)

    def select(self, rows: np.ndarray) -> "EncodedCorpus":
        """Some of the examples."""
        return replace(
            self,
            source=self.source.select(rows),
            target=self.target.select(rows),
            file_of=self.file_of[rows],
            line=self.line[rows],
            digest=self.digest[rows],
            words=self.words[rows],
            characters=self.characters[rows],
            texts=[self.texts[row] for row in rows] if self.texts else [],
        )

    def cut(self, max_length: int | None) -> "EncodedCorpus":
        """Inputs and targets cut to their first `max_length` tokens; None for no limit."""
        return replace(self, source=self.source.cut(max_length), target=self.target.cut(max_length))

    def write(self, stream: IO[bytes]) -> None:
        """Save to a binary stream."""
        strings = [self.source_types, self.target_types, self.files, self.texts]
        packed = np.frombuffer(json.dumps(strings).encode(), dtype=np.uint8)
        sides = (
            part for side in (self.source, self.target) for part in (side.values, side.offsets)
        )
        columns = self.file_of, self.line, self.digest, self.words, self.characters
        np.savez(stream, *sides, *columns, packed)

    @classmethod
    def read(cls, stream: IO[bytes]) -> Self:
        """Inverse of `write`."""
        arrays = list(read_arrays(stream).values())
        source, target = Ragged(*arrays[:2]), Ragged(*arrays[2:4])
        file_of, line, digest, words, characters, packed = arrays[4:]
        source_types, target_types, files, texts = json.loads(packed.tobytes())
        types = source_types, target_types
        columns = file_of, line, digest, words, characters
        return cls(source, target, *types, files, *columns, texts)


class _Column:
    """Sequences of tokens as positions in the list of types, not kept as Python objects."""

    def __init__(self) -> None:
        self.types: dict[str, int] = {}
        self.values = array("i")
        self.offsets = array("q", [0])

    def add(self, tokens: Sequence[str]) -> None:
        types = self.types
        self.values.extend([types.setdefault(token, len(types)) for token in tokens])
        self.offsets.append(len(self.values))

    def ragged(self) -> Ragged:
        values = np.asarray(self.values, dtype=np.int32)
        return Ragged(values, np.asarray(self.offsets, dtype=np.int64))


def encode(
    examples: Iterable[Example], source: Tokenizer | None, target: Tokenizer | None
) -> EncodedCorpus:
    """Split the texts of examples into tokens, and encode them.

    Args:
        examples: The examples.
        source: Splits the inputs that are texts; one that lower-cases does so with tokens as well.
        target: The same for the targets.
    """
    sources, targets, files = _Column(), _Column(), _Column()
    lines, words, characters = array("i"), array("i"), array("i")
    digests = bytearray()
    texts: list[str] = []
    for example in examples:
        left = _split(example.source, source)
        sources.add(left or (UNK,))
        targets.add(_split(example.target, target))
        files.add((example.file,))
        lines.append(example.line)
        digests += digest(left)
        text = example.source
        words.append(len(text.split() if isinstance(text, str) else text))
        characters.append(len(text))
        if isinstance(example.target, str):
            texts.append(example.target)
    return EncodedCorpus(
        sources.ragged(),
        targets.ragged(),
        list(sources.types),
        list(targets.types),
        list(files.types),
        files.ragged().values,
        np.asarray(lines, dtype=np.int32),
        np.frombuffer(bytes(digests), dtype="<u8"),
        np.asarray(words, dtype=np.int32),
        np.asarray(characters, dtype=np.int32),
        texts,
    )


def count_types(values: np.ndarray, types: Sequence[str]) -> dict[str, int]:
    """How often each type occurs among positions in the list of types; without zeros."""
    counts = np.bincount(values, minlength=len(types))
    return {token: int(count) for token, count in zip(types, counts, strict=True) if count}


def _split(item: str | Sequence[str], tokenizer: Tokenizer | None) -> Sequence[str]:
    if isinstance(item, str):
        assert tokenizer is not None, "texts need a tokenizer"
        return tokenizer.split(item)
    if tokenizer is not None and tokenizer.lower:
        return [token.lower() for token in item]
    return item
