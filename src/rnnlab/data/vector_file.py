"""Reads vector files, as text or in word2vec's binary form, and keeps what was read."""

import json
import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np

from rnnlab.data.cache import cached
from rnnlab.data.reading import broken_files, decode, lines, opened, sha256
from rnnlab.errors import DataError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class VectorTable:
    """Words and their vectors.

    Attributes:
        words: Each once, in the order of the file.
        vectors: float32 (N, D), row by row; memory-mapped where it comes from the cache.
        notes: What is odd about the file.
    """

    words: list[str]
    vectors: np.ndarray
    notes: Sequence[str] = ()


def cached_table(file: Path, member: str, size: int | None) -> VectorTable:
    """The table of a file, from the cache if it was read before; warns where the file is odd.

    Args:
        file: Text, or text in `.gz`, or a `.zip`; binary where its name ends in `.bin`.
        member: The text's name inside a `.zip`.
        size: Numbers of a vector; None for as many as line 1 says or has.

    Raises:
        DataError: See `read_table`.
    """
    key = ["table", sha256(file), member if file.suffix == ".zip" else _is_binary(file), size]
    table = cached("vectors", key, lambda: read_table(file, member, size), _write, _read)
    for note in table.notes:
        _log.warning("%s: %s", file, note)
    return table


def _write(stream: IO[bytes], table: VectorTable) -> None:
    texts = json.dumps([table.words, table.notes]).encode()
    np.save(stream, np.frombuffer(texts, dtype=np.uint8))
    np.save(stream, table.vectors)


def _read(stream: IO[bytes]) -> VectorTable:
    words, notes = json.loads(np.load(stream).tobytes())
    np.lib.format.read_magic(stream)
    shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
    return VectorTable(
        words, np.memmap(stream, dtype, "r", offset=stream.tell(), shape=shape), notes
    )


def read_table(file: Path, member: str, size: int | None) -> VectorTable:
    """Parse a vector file; word2vec's first line "N D" may stand or not.

    The last numbers of a line are the vector; the word before them may have blanks in it. Of a
    word that stands twice the first vector counts; a word of nothing but blanks is left out. With
    `size=None` a first line of two numbers is always word2vec's: a file of vectors of one number
    needs it or its size.

    Raises:
        DataError: The file is missing, damaged, empty, not UTF-8, or a line is not a word and
            `size` finite numbers.
    """
    if _is_binary(file):
        return _read_binary(file, size)
    vectors: dict[str, np.ndarray] = {}
    announced = None
    number, blank, reason = 0, 0, "embedding.embedding_dim"
    for number, line in lines(file, member if file.suffix == ".zip" else None):
        # word2vec's own program ends each line with a blank
        line = line.removesuffix(" ")
        try:
            if number == 1 and size != 1 and _is_head(line):
                announced, found = map(int, line.split(" "))
                size, reason = _checked(found, size), reason if size else "line 1"
                continue
            if size is None:
                size, reason = max(1, _numbers_at_end(line)), "line 1"
            word, vector = _parsed(line, size, reason)
        except ValueError as error:
            raise DataError(f"{file}:{number}: {error}") from None
        if word:
            vectors.setdefault(word, vector)
        else:
            blank += 1
    return _table(file, vectors, number - (announced is not None), announced, blank)


def _is_head(line: str) -> bool:
    fields = line.split(" ")
    return len(fields) == 2 and "".join(fields).isdecimal()


def _checked(found: int, size: int | None) -> int:
    """The numbers of a vector that a file announces; ValueError where others are wanted."""
    if found < 1 or size not in (None, found):
        wanted = f", not {size} (embedding.embedding_dim)" if size else ""
        raise ValueError(f"vectors of {found} numbers{wanted}")
    return found


def _numbers_at_end(line: str) -> int:
    """How many of the fields behind the first one are numbers, up to the end of the line."""
    fields = line.split(" ")[1:]
    for count, field in enumerate(reversed(fields)):
        if not _is_number(field):
            return count
    return len(fields)


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def _parsed(line: str, size: int, reason: str) -> tuple[str, np.ndarray]:
    """One line's word and vector; ValueError with the reason where it has none."""
    word, *fields = line.rsplit(" ", size)
    shown = word.strip(" ")
    # a number at the end of a word with blanks: the vector is longer than it should be
    longer = " " in shown and _is_number(shown.rpartition(" ")[2])
    if len(fields) != size or longer:
        found = _numbers_at_end(line) if longer else len(fields)
        raise ValueError(f"{found} numbers behind the word, not {size} ({reason})")
    try:
        values = list(map(float, fields))
    except ValueError:
        raise ValueError(f"not a number behind the word {shown!r}") from None
    if not math.isfinite(sum(values)):
        raise ValueError(f"a number of the word {shown!r} is not finite")
    return shown, np.array(values, dtype=np.float32)


def _is_binary(file: Path) -> bool:
    return file.name.removesuffix(".gz").endswith(".bin")


def _read_binary(file: Path, size: int | None) -> VectorTable:
    """word2vec's binary form: a line "N D", then words, a blank and D float32 behind each."""
    vectors: dict[str, np.ndarray] = {}
    with broken_files(file), opened(file) as stream:
        head = stream.readline(40).decode("latin-1").strip()
        if not _is_head(head):
            raise DataError(
                f"{file}: not word2vec's binary form; of fastText's models take the .vec file"
            )
        announced, found = map(int, head.split(" "))
        try:
            size = _checked(found, size)
        except ValueError as error:
            raise DataError(f"{file}: {error}") from None
        number, blank = 0, 0
        for number in range(1, announced + 1):
            word, values = _binary_word(stream), stream.read(4 * size)
            if len(values) < 4 * size:
                number -= 1
                break
            vector = np.frombuffer(values, dtype="<f4")
            if not np.isfinite(vector).all():
                raise DataError(f"{file}: a number of vector {number} is not finite")
            if word:
                vectors.setdefault(decode(word, f"{file}: word {number}"), vector)
            else:
                blank += 1
    return _table(file, vectors, number, announced, blank)


def _binary_word(stream: IO[bytes]) -> bytes:
    word = bytearray()
    while (byte := stream.read(1)) not in (b" ", b""):
        word += byte
    return bytes(word.lstrip(b"\n"))


def _table(
    file: Path, vectors: dict[str, np.ndarray], count: int, announced: int | None, blank: int
) -> VectorTable:
    if not vectors:
        raise DataError(f"{file}: no vectors")
    notes = []
    if announced not in (None, count):
        notes.append(f"{count:,} vectors, line 1 announces {announced:,}")
    if blank:
        notes.append(f"left out {blank:,} whose word is a blank")
    return VectorTable(list(vectors), np.stack(list(vectors.values())), notes)
