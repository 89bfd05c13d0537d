"""Lines of text files that spreadsheets write: in any encoding, with a byte order mark."""

import codecs
from collections.abc import Iterator
from pathlib import Path

from rnnlab.data.reading import broken_files, lines, opened
from rnnlab.errors import ConfigError, DataError

MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
"""Byte order marks of what Excel calls Unicode text."""


def check_encoding(encoding: str | None) -> None:
    """Refuse a name that no codec has.

    Raises:
        ConfigError: It is none of text.
    """
    if encoding is None:
        return
    try:
        "".encode(encoding)
    except LookupError:
        raise ConfigError(
            f"data.encoding: {encoding!r} is no encoding of text; common ones are utf-8, cp1252 "
            "(Excel in the West), latin-1 and utf-16"
        ) from None


def text_lines(path: Path, encoding: str | None) -> Iterator[tuple[int, str]]:
    """Lines with their numbers, from 1, without the line end (LF or CR LF).

    Args:
        path: A plain or `.gz` file.
        encoding: None for UTF-8, or what the byte order mark says.

    Raises:
        DataError: The file is missing, damaged or of another encoding, or has NUL characters.
    """
    for number, line in _decoded(path, encoding):
        if "\0" in line:
            raise DataError(
                f"{path}:{number}: a NUL character: no plain text; save it as UTF-8, or name the "
                "encoding (data.encoding=utf-16)"
            )
        yield number, line


def _decoded(path: Path, encoding: str | None) -> Iterator[tuple[int, str]]:
    with broken_files(path), opened(path) as stream:
        start = stream.read(2)
    codec = codecs.lookup(encoding or MARKS.get(start, "utf-8")).name
    if codec == "utf-8":
        try:
            yield from lines(path)
        except DataError as error:
            if "not UTF-8" not in str(error):
                raise
            raise DataError(f"{error}; a file of Excel may need data.encoding=cp1252") from None
        return
    with broken_files(path), opened(path) as stream:
        # a line feed is one byte in all but these
        wide = codec.startswith(("utf-16", "utf-32"))
        rows = enumerate([stream.read()] if wide else stream, start=1)
        for number, raw in rows:
            try:
                text = raw.decode(codec)
            except UnicodeError as error:
                raise DataError(f"{path}:{number}: not {codec} ({error})") from None
            for shift, line in enumerate(text.removesuffix("\n").split("\n")):
                yield number + shift, line.removesuffix("\r")
