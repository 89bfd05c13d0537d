"""What a command writes: its folder, and its answer as JSON."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rnnlab.errors import ConfigError
from rnnlab.runs.folders import dated


@contextmanager
def writing(folder: str | Path) -> Iterator[None]:
    """Turn a failure to write there into a ConfigError; one that is about other files stays.

    Raises:
        ConfigError: Instead of an OSError.
    """
    try:
        yield
    except OSError as error:
        folder = Path(folder).expanduser()
        where = Path(error.filename or folder)
        if not where.is_relative_to(folder) and not folder.is_relative_to(where):
            raise
        raise ConfigError(f"output: cannot write {where}: {error.strerror or error}") from None


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


def as_json(value: Any, depth: int = 0) -> str:
    """JSON with a line for each key, and one for each row of a table (a class, say)."""
    parts = list(value.values()) if isinstance(value, dict) else value
    deep = isinstance(value, dict | list) and (
        depth < 2 or any(isinstance(part, dict | list) for part in parts)
    )
    if not deep or not value:
        return json.dumps(value)
    shown = [as_json(part, depth + 1) for part in parts]
    if isinstance(value, dict):
        shown = [f"{json.dumps(key)}: {text}" for key, text in zip(value, shown, strict=True)]
    start, end = "{}" if isinstance(value, dict) else "[]"
    space = "\n" + "  " * depth
    return start + ",".join(f"{space}  {text}" for text in shown) + space + end
