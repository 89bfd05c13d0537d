"""Reading original files: plain, gzipped or in an archive, with errors that name the place."""

import gzip
import hashlib
import re
import tarfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from io import BufferedReader, RawIOBase
from pathlib import Path, PurePosixPath
from typing import IO, Any, NamedTuple
from zipfile import BadZipFile, ZipFile

from rnnlab.errors import DataError

BOM = "\ufeff"


ROOMY = 1 << 28
"""So many bytes may come out of any compressed file."""

RATIO = 250
"""Beyond them it may not unpack to more than so many times its size; texts do to 3 to 20 times."""


class Unpacked(RawIOBase):
    """What comes out of a compressed file; one that grows beyond reason is refused.

    Args:
        inner: Unpacks it.
        path: The compressed file.
    """

    def __init__(self, inner: Any, path: Path) -> None:
        super().__init__()
        self.inner, self.path, self.count = inner, path, 0
        self.limit = max(ROOMY, RATIO * path.stat().st_size)

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill a buffer; the number of bytes.

        Raises:
            DataError: It is a bomb.
        """
        data = self.inner.read(len(buffer))
        self.count += len(data)
        if self.count > self.limit:
            raise DataError(f"{self.path}: refused, it unpacks to more than {RATIO} times its size")
        buffer[: len(data)] = data
        return len(data)


@contextmanager
def broken_files(path: Path) -> Iterator[None]:
    """Turn whatever a missing, unreadable or truncated file raises into one DataError."""
    try:
        yield
    except FileNotFoundError as error:
        raise DataError(f"{path}: no such file") from error
    except (EOFError, zlib.error, gzip.BadGzipFile, tarfile.TarError, BadZipFile) as error:
        raise DataError(f"{path}: truncated or damaged ({error})") from error
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error


def decode(data: bytes, place: str) -> str:
    """UTF-8 text.

    Raises:
        DataError: The bytes are not UTF-8; names `place` and the first wrong byte.
    """
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        wrong = f"byte 0x{data[error.start]:02x} at column {error.start + 1}"
        raise DataError(f"{place}: not UTF-8 ({wrong})") from error


class TextFile(NamedTuple):
    """A text: a plain or gzipped file, or a member of an archive."""

    path: Path
    member: str | None = None

    def __str__(self) -> str:
        return str(self.path) if self.member is None else f"{self.path}:{self.member}"


def lines(path: Path, member: str | None = None) -> Iterator[tuple[int, str]]:
    r"""Lines of a UTF-8 file with their numbers, from 1, without the line end.

    Lines end with LF or CR LF alone: other characters that `str.splitlines` takes for line ends
    (U+0085, form feed, ...) are part of the text.

    Args:
        path: A plain or `.gz` file, or a tar ball or `.zip`.
        member: The file inside the archive.

    Raises:
        DataError: The file is missing, damaged or not UTF-8.
    """
    with broken_files(path), opened(path, member) as stream:
        yield from decoded(stream, str(TextFile(path, member)))


def decoded(stream: Iterable[bytes], shown: str) -> Iterator[tuple[int, str]]:
    """The same of lines that are being read; `shown` names where they come from."""
    for number, raw in enumerate(stream, start=1):
        text = decode(raw.removesuffix(b"\n").removesuffix(b"\r"), f"{shown}:{number}")
        yield number, text.removeprefix(BOM) if number == 1 else text


@contextmanager
def opened(path: Path, member: str | None = None) -> Iterator[IO[bytes]]:
    """The bytes of a plain or `.gz` file, or of a member of an archive."""
    if member is not None and path.suffix == ".zip":
        with ZipFile(path) as zipped:
            if member not in zipped.namelist():
                raise DataError(f"{path}: no member {member}")
            with zipped.open(member) as inner, BufferedReader(Unpacked(inner, path)) as text:
                yield text
    elif member is not None:
        with _unzipped(path) as unzipped, tarfile.open(fileobj=unzipped, mode="r|") as archive:
            # an AppleDouble member "._x" stands beside each "x" of tar balls made on a Mac
            infos = (info for info in archive if info.isfile())
            found = next((i for i in infos if PurePosixPath(i.name).name == member), None)
            stream = archive.extractfile(found) if found else None
            if stream is None:
                raise DataError(f"{path}: no member {member}")
            yield stream
    elif path.suffix == ".gz":
        with _unzipped(path) as unzipped:
            yield unzipped
    else:
        with path.open("rb") as plain:
            yield plain


@contextmanager
def _unzipped(path: Path) -> Iterator[IO[bytes]]:
    with gzip.open(path) as inner, BufferedReader(Unpacked(inner, path)) as stream:
        yield stream


def members(path: Path, wanted: re.Pattern[str]) -> Iterator[tuple[str, bytes]]:
    """Names and contents of a tar ball's regular files, in its order.

    Args:
        path: The gzipped tar ball; read once, as a stream.
        wanted: Matches the whole names of the files to read. AppleDouble files are skipped.

    Raises:
        DataError: The tar ball is missing or damaged.
    """
    # gzip's own reader: that of tarfile's streams takes a truncated file for a complete one
    with (
        broken_files(path),
        _unzipped(path) as unzipped,
        tarfile.open(fileobj=unzipped, mode="r|") as archive,
    ):
        for info in archive:
            archive.members.clear()  # type: ignore[attr-defined]  # it would keep them all
            apple = PurePosixPath(info.name).name.startswith("._")
            if info.isfile() and not apple and wanted.fullmatch(info.name):
                stream = archive.extractfile(info)
                assert stream is not None  # a regular file
                yield info.name, stream.read()
        while unzipped.read(1 << 20):
            pass  # up to the checksum at the end


def sha256(path: Path) -> str:
    """Checksum of a file, or of the lines `SHA256  NAME` of a folder's files.

    Computed once as long as a file does not change.
    """
    with broken_files(path):
        if path.is_dir():
            listing = (f"{sha256(file)}  {file.name}\n" for file in sorted(path.iterdir()))
            return hashlib.sha256("".join(listing).encode()).hexdigest()
        status = path.stat()
        return _sha256(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _sha256(path: Path, _size: int, _mtime: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
