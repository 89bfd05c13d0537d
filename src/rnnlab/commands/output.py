"""The folder that a command writes into."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rnnlab.errors import ConfigError
from rnnlab.runs.folders import dated


@contextmanager
def writing(folder: str | Path) -> Iterator[None]:
    """Turn a failure to write into a ConfigError.

    Raises:
        ConfigError: Instead of an OSError.
    """
    try:
        yield
    except OSError as error:
        where = error.filename or folder
        raise ConfigError(f"output: cannot write {where}: {error.strerror}") from None


def make_folder(output: str | None, parent: str | Path = "outputs") -> Path:
    """The folder of this name, or else a new one below `parent`, named by the time.

    Raises:
        ConfigError: It cannot be written to.
    """
    with writing(output or parent):
        folder = Path(output).expanduser() if output else dated(parent)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / ".probe").touch()
        (folder / ".probe").unlink()
    return folder
