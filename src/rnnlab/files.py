"""Files that are written in one go, and archives of arrays that are read with care."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any
from uuid import uuid4
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import numpy as np

from rnnlab.errors import naming


@contextmanager
def replacing(path: Path, *, shared: bool = False) -> Iterator[IO[bytes]]:
    """A stream that becomes the file at the end of the block; its folder is made.

    Whoever reads the file meanwhile finds the former one, and so does everyone where the block
    fails, the disk is full or the process is killed.

    Args:
        path: The file.
        shared: Whether several processes may write it at once.

    Raises:
        OSError: It cannot be written; names the file.
    """
    middle = f".{uuid4().hex}" if shared else ""
    temporary = path.with_name(f".{path.name}{middle}.part")
    try:
        with naming(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as stream:
                yield stream
            temporary.replace(path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and str(error.filename) == str(temporary):
            error.filename = str(path)
        raise


def read_arrays(stream: IO[bytes]) -> dict[str, np.ndarray]:
    """The arrays of an archive that `numpy.savez` wrote.

    Nothing in it can take more memory than the file is long: what is compressed is refused, and
    so is what holds Python objects.

    Raises:
        ValueError, EOFError, OSError: It is damaged, or no such archive.
    """
    try:
        with ZipFile(stream) as archive:
            if any(member.compress_type != ZIP_STORED for member in archive.infolist()):
                raise ValueError("its arrays are compressed, rnnlab's are not")
        stream.seek(0)
        found: Any = np.load(stream, allow_pickle=False)
        return {name: found[name] for name in found.files}
    except (BadZipFile, KeyError, AttributeError, NotImplementedError) as error:
        raise ValueError(f"no archive of arrays, or damaged ({error})") from None
    except MemoryError:
        raise ValueError("damaged: an array is longer than the file") from None
