"""Sentence pairs of Tatoeba, English and another language, as packed for Anki."""

from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, ClassVar, Literal

from rnnlab.data.encoded import Example
from rnnlab.data.files import DownloadedData, ThreeSplits
from rnnlab.data.reading import lines
from rnnlab.data.source import DatasetInfo, RemoteFile
from rnnlab.data.spec import Split
from rnnlab.data.translation_data import TranslationData, tidy
from rnnlab.errors import DataError

_RAW = "https://raw.githubusercontent.com"


class Tatoeba(DownloadedData, ThreeSplits, TranslationData):
    """Short everyday sentences with all of their translations (tatoeba.org, CC BY).

    Read from `tatoeba/LANGUAGE-eng.zip` below the data root, else from `tatoeba/LANGUAGE.txt`;
    of each line the first two columns, English and the other language. One English sentence has
    up to 36 translations: they all go to the same split, which a hash of the sentence decides, so
    that newer files keep old sentences where they are. Pairs that are repeated are dropped.

    Args:
        language: The language beside English.
        into_english: Translate into English; else from English.
    """

    corpus: ClassVar[str] = "tatoeba"
    about: ClassVar[DatasetInfo] = DatasetInfo(
        title="Tatoeba: translation of short sentences, French or German and English",
        licence="CC BY 2.0 FR",
        files=(
            RemoteFile(
                path="tatoeba/fra-eng.zip",
                urls=(
                    f"{_RAW}/genimind/seq2seq/4f3f8eb0adde54fcc8b89394336b002e7961244c/fra-eng.zip",
                ),
                sha256="16c4f7d0df9e7c5e6c54cdb0447f3f4a18a55052ff5e2e0b27dd4a06c0e49d04",
                size=2_951_390,
            ),
            RemoteFile(
                path="tatoeba/deu-eng.zip",
                urls=(
                    f"{_RAW}/rioyshky/translation/de48b7027f7318d77010a6e08ed928c10748c23d/"
                    "deu-eng.zip",
                ),
                sha256="b7688f84f99fa33c17397c14d8bd9cef1fdeb2ee0bf50074767023aee8926e28",
                size=4_012_023,
            ),
        ),
        counts={"train": 139_800, "val": 1_467, "test": 1_385},
    )

    language: Literal["fra", "deu"] = "fra"
    into_english: bool = True
    val_fraction: float = 0.01
    test_fraction: float = 0.01

    def files(self, split: Split) -> list[Path]:
        """The file of all pairs of the language."""
        stem = f"{self.corpus}/{self.language}"
        return [self.find(f"{stem}-eng.zip", f"{stem}.txt")]

    def read(self, split: Split) -> Iterator[Example]:
        """The pairs of a split."""
        (path,) = self.files(split)
        member = f"{self.language}.txt" if path.suffix == ".zip" else None
        shown = self.shown(path) if member is None else f"{self.shown(path)}:{member}"
        seen: set[tuple[str, str]] = set()
        for number, line in lines(path, member):
            if not line.strip():
                continue
            columns = [tidy(column) for column in line.split("\t")[:2]]
            if len(columns) < 2 or not all(columns):
                raise DataError(f"{shown}:{number}: not ENGLISH<TAB>TRANSLATION")
            pair = columns[0], columns[1]
            if self.split_of(pair[0]) == split and pair not in seen:
                seen.add(pair)
                source, target = pair[::-1] if self.into_english else pair
                yield Example(source, target, shown, number)

    def split_of(self, english: str) -> Split:
        """Where an English sentence belongs, with all of its translations."""
        digest = blake2b(f"{self.split_seed} {english}".encode(), digest_size=8).digest()
        share = int.from_bytes(digest, "big") / 2**64
        if share < self.test_fraction:
            return "test"
        return "val" if share < self.test_fraction + self.val_fraction else "train"

    def settings(self, part: Split) -> Any:
        """Direction and split."""
        return [self.into_english, self.val_fraction, self.test_fraction, self.split_seed]
