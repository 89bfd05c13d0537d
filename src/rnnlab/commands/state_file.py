"""Hidden states in a file of numpy, written line by line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from zipfile import ZipFile

import numpy as np

from rnnlab.errors import ConfigError
from rnnlab.files import replacing

if TYPE_CHECKING:
    from rnnlab.runs.states import Answer


class StateFile:
    """Members `1/encoder`, `1/tokens`, `2/encoder` ... of an npz file; lines count from 1."""

    def __init__(self, file: ZipFile) -> None:
        self._file, self._lines = file, 0

    def add(self, answer: "Answer") -> None:
        """Write the states of the next line."""
        self._lines += 1
        tokens = np.array(answer.tokens, dtype=np.str_)
        for name, values in {**answer.states, "tokens": tokens}.items():
            with self._file.open(f"{self._lines}/{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.ascontiguousarray(values), allow_pickle=False)


@contextmanager
def state_file(path: Path) -> Iterator[StateFile]:
    """A new file, which has its name when it is complete; nothing is left of a broken one.

    Raises:
        ConfigError: It does not end in `.npz`, or its folder does not exist.
    """
    if path.suffix != ".npz":
        raise ConfigError(f"states: {path} does not end in .npz")
    if not path.parent.is_dir():
        raise ConfigError(f"states: no folder {path.parent}")
    with replacing(path) as stream, ZipFile(stream, "w") as file:
        yield StateFile(file)
