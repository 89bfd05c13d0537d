"""Derived files on disk, made once and shared by all runs."""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, TypeVar
from zipfile import BadZipFile

from filelock import FileLock
from platformdirs import user_cache_path

from rnnlab.files import replacing

FORMAT = 5
"""Part of every key: raised when what the files hold changes its meaning."""

BROKEN = (ValueError, KeyError, EOFError, OSError, BadZipFile)
"""What reading a damaged file raises."""

T = TypeVar("T")
_log = logging.getLogger(__name__)


def cache_root() -> Path:
    """The folder of derived files: `$RNNLAB_CACHE`, else the user's cache."""
    chosen = os.environ.get("RNNLAB_CACHE")
    return Path(chosen).expanduser() if chosen else user_cache_path("rnnlab") / "derived"


def cached(
    name: str,
    key: Any,
    make: Callable[[], T],
    write: Callable[[IO[bytes], T], None],
    read: Callable[[IO[bytes]], T],
) -> T:
    """A value from its file below `cache_root()`, else made and written there.

    Of several processes that ask for the same value at once one makes it, and the others wait. A
    file that cannot be read is rebuilt. Without a writable folder the value is made every time.

    Args:
        name: What it is, such as "imdb/train"; the start of the file's path.
        key: Plain values that decide the content: checksums of the sources and all settings.
        make: Makes the value.
        write: Writes it to a binary stream.
        read: Its inverse; raises ValueError, KeyError, EOFError, OSError or BadZipFile on a
            broken file.
    """
    digest = hashlib.sha256(json.dumps([FORMAT, key], sort_keys=True).encode()).hexdigest()
    path = cache_root() / f"{name}-{digest[:20]}"
    with suppress(FileNotFoundError, *BROKEN), path.open("rb") as stream:
        return read(stream)
    with _alone(path):
        try:  # another process may have made it meanwhile
            with path.open("rb") as stream:
                return read(stream)
        except FileNotFoundError:
            _log.info("%s: reading the original files; kept in %s", name, path)
        except BROKEN as error:
            _log.warning("%s: broken cache file %s is rebuilt (%s)", name, path, error)
        value = make()
        try:
            with replacing(path, shared=True) as stream:
                write(stream, value)
        except OSError as error:
            _log.warning("%s: cannot keep a cache (%s); set RNNLAB_CACHE", name, error)
    return value


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Wait for other processes that make a file; on a disk without locks nobody waits."""
    file = path.with_name(f".{path.name}.lock")
    lock = FileLock(file)
    with suppress(OSError, NotImplementedError):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(poll_interval=0.1)
    try:
        yield
    finally:
        if lock.is_locked:
            with suppress(OSError):
                file.unlink()  # those who wait for it find what was made
            lock.release()
