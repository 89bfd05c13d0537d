"""Files that are written in one go."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO
from uuid import uuid4

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
