"""Recordings of the user's own, with what is said in them."""

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from rnnlab.config.types import LEARNT, PositiveFloat, PositiveInt
from rnnlab.data.audio_corpus import Recording
from rnnlab.data.audio_data import AudioData
from rnnlab.data.reading import lines, sha256
from rnnlab.data.sound_files import read_sound
from rnnlab.data.spec import Split
from rnnlab.data.user_files import UserFiles
from rnnlab.errors import DataError


class TranscriptLine(NamedTuple):
    """A line of a file of transcripts."""

    path: Path
    text: str
    place: str


class AudioFiles(UserFiles, AudioData):
    """Your own recordings: one `path<TAB>transcript` a line, a file a split, plain or `.gz`.

    Paths are relative to the file that holds them. WAV, FLAC and all else that libsndfile reads;
    several channels are mixed down. White space of a transcript is collapsed. For a task that
    learns labels, a transcript is a label.

    Args:
        level: A transcript is written letter by letter, or word by word.
        lower: Lower-case the transcripts, also those that a model is scored against.
        max_seconds: A longer recording is refused.
    """

    corpus = "audio_files"

    batch_size: PositiveInt | None = 16
    level: Annotated[Literal["char", "word"], LEARNT] = "char"
    lower: Annotated[bool, LEARNT] = True
    max_seconds: PositiveFloat = 60.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._sums: dict[Split, dict[str, str]] = {}

    @property
    def target_level(self) -> Literal["char", "space"]:
        """Letters, or words with blanks between."""
        return "char" if self.level == "char" else "space"

    def settings(self, split: Split) -> Any:
        """What is done to transcripts, what is refused, and what is held out."""
        return [self.lower, self.max_seconds, self.held_out(split)]

    def split_keys(self) -> Iterable[tuple[str, str]]:
        """By the content of the recordings; what is a label is the class."""
        label = self._kind == "label"
        return ((sha256(row.path), row.text if label else "") for row in self._file_rows("train"))

    def checksums_of(self, split: Split) -> dict[str, str]:
        """See the base class; that of all recordings together."""
        if split not in self._sums:
            sums = super().checksums_of(split)
            digests = "".join(sha256(row.path) for row in self._rows(split))
            whole = hashlib.sha256(digests.encode()).hexdigest()
            self._sums[split] = sums | {f"recordings of {name}": whole for name in sums}
        return self._sums[split]

    def read(self, split: Split) -> Iterator[Recording]:
        """The recordings of a split."""
        for path, text, place in self._rows(split):
            try:
                sound = read_sound(path)
            except DataError as error:
                raise DataError(f"{place}: {error}") from None
            if sound.seconds > self.max_seconds:
                raise DataError(
                    f"{place}: {path}: {sound.seconds:.1f} s, longer than data.max_seconds="
                    f"{self.max_seconds:g}"
                )
            yield Recording(sound, text, place)

    def _rows(self, split: Split) -> Iterator[TranscriptLine]:
        return self.kept(split, self._file_rows(split))

    def _file_rows(self, split: Split) -> Iterator[TranscriptLine]:
        (file,) = self.files(split)
        for number, line in lines(file):
            if not line.strip():
                continue
            place = f"{file}:{number}"
            cells = [" ".join(cell.split()) for cell in line.split("\t")]
            if len(cells) != 2 or not all(cells):
                raise DataError(f"{place}: not PATH<TAB>TRANSCRIPT, one of each")
            path = file.parent / Path(line.split("\t")[0].strip()).expanduser()
            if not path.is_file():
                raise DataError(
                    f"{place}: {path}: {'no file' if path.exists() else 'no such file'}"
                )
            yield TranscriptLine(path, cells[1].lower() if self.lower else cells[1], place)
