"""The folder that a command writes into."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rnnlab.errors import ConfigError


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn a failure to write into a ConfigError.

    Raises:
        ConfigError: Instead of an OSError.
    """
    try:
        yield
    except OSError as error:
        where = error.filename or folder
        raise ConfigError(f"output: cannot write {where}: {error.strerror}") from None
