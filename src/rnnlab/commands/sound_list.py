"""Sound files that `rnnlab predict` is asked about."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from rnnlab.data.reading import decoded
from rnnlab.data.sound_files import is_sound
from rnnlab.errors import DataError


class SoundList:
    """The paths in a list, one a line, relative to it; or the one sound file that is no list.

    Blank lines are skipped.

    Args:
        stream: The list's bytes.
        name: The file; `-` for standard input, whose paths are relative to the current folder.
    """

    def __init__(self, stream: Iterable[bytes], name: str) -> None:
        self.stream = stream
        self.path = Path(name).expanduser()
        self.place = ""

    def __iter__(self) -> Iterator[Path]:
        """The paths, each before the next line is read."""
        if is_sound(self.path):
            yield self.path
            return
        for number, line in decoded(self.stream, str(self.path)):
            if line.strip():
                self.place = f"{self.path}:{number}: "
                yield self.path.parent / Path(line.strip()).expanduser()

    @contextmanager
    def naming(self) -> Iterator[None]:
        """Name the line in the DataError of a recording."""
        try:
            yield
        except DataError as error:
            raise DataError(f"{self.place}{error}") from None
