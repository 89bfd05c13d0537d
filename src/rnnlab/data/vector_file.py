"""Reads vector files in text form, and keeps what was read for the next time."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from rnnlab.data.cache import cached
from rnnlab.data.reading import lines, sha256
from rnnlab.errors import DataError


@dataclass(frozen=True)
class Table:
    """Words and their vectors.

    Attributes:
        words: Each once, in the order of the file.
        vectors: float32 (N, D), row by row; memory-mapped where it comes from the cache.
    """

    words: list[str]
    vectors: np.ndarray


def cached_table(file: Path, member: str, size: int | None) -> Table:
    """The table of a file, from the cache if it was read before.

    Args:
        file: Text, or text in `.gz`, or a `.zip`.
        member: The text's name inside a `.zip`.
        size: Numbers of a vector; None for as many as line 1 says or has.

    Raises:
        DataError: See `read_table`.
    """
    key = [sha256(file), member if file.suffix == ".zip" else None, size]
    return cached("vectors", key, lambda: read_table(file, member, size), _write, _read)


def _write(stream: IO[bytes], table: Table) -> None:
    np.save(stream, np.frombuffer("\n".join(table.words).encode(), dtype=np.uint8))
    np.save(stream, table.vectors)


def _read(stream: IO[bytes]) -> Table:
    words = np.load(stream).tobytes().decode().split("\n")
    np.lib.format.read_magic(stream)
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    return Table(words, np.memmap(stream, dtype, "r", offset=stream.tell(), shape=shape))


def read_table(file: Path, member: str, size: int | None) -> Table:
    """Parse a vector file; word2vec's first line "N D" may stand or not.

    Of a word that stands twice the first vector counts. With `size=None` a first line of two
    numbers is always word2vec's: a file of vectors of one number needs it or its size.

    Raises:
        DataError: The file is missing, damaged, empty, not UTF-8, has fewer vectors than it says,
            or a line is not a word and `size` finite numbers.
    """
    vectors: dict[str, np.ndarray] = {}
    announced = None
    number, reason = 0, "embedding.embedding_dim"
    for number, line in lines(file, member if file.suffix == ".zip" else None):
        # word2vec's own program ends each line with a blank
        word, *fields = line.removesuffix(" ").split(" ")
        try:
            if number == 1 and size != 1 and len(fields) == 1 and (word + fields[0]).isdecimal():
                announced, found = int(word), int(fields[0])
                if found < 1 or size not in (None, found):
                    wanted = f", not {size} ({reason})" if size else ""
                    raise ValueError(f"vectors of {found} numbers{wanted}")
                reason = reason if size else "line 1"
                size = found
                continue
            if size is None:
                size, reason = max(1, len(fields)), "line 1"
            if len(fields) != size:
                raise ValueError(f"{len(fields)} numbers behind the word, not {size} ({reason})")
            vectors.setdefault(word, _vector(word, fields))
        except ValueError as error:
            raise DataError(f"{file}:{number}: {error}") from None
    if not vectors:
        raise DataError(f"{file}: no vectors")
    if announced not in (None, number - 1):
        raise DataError(f"{file}: {number - 1} vectors, line 1 announces {announced}")
    return Table(list(vectors), np.stack(list(vectors.values())))


def _vector(word: str, fields: list[str]) -> np.ndarray:
    """One line's vector; ValueError with the reason where it has none."""
    if not word:
        raise ValueError("no word before the numbers")
    try:
        values = list(map(float, fields))
    except ValueError:
        raise ValueError(f"not a number behind the word {word!r}") from None
    if not math.isfinite(sum(values)):
        raise ValueError(f"a number of the word {word!r} is not finite")
    return np.array(values, dtype=np.float32)
