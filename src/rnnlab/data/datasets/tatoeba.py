"""Sentence pairs of Tatoeba, English and another language, as packed for Anki."""

from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

from rnnlab.data.encoded import Example
from rnnlab.data.reading import TextFile, lines
from rnnlab.data.source import DatasetInfo, DownloadedData, remote_files
from rnnlab.data.spec import Split
from rnnlab.data.splits import ThreeSplits
from rnnlab.data.translation_data import TranslationData, tidy
from rnnlab.errors import DataError

_FRENCH = (
    "https://raw.githubusercontent.com/genimind/seq2seq/4f3f8eb0adde54fcc8b89394336b002e7961244c"
)
_GERMAN = "https://raw.githubusercontent.com/rioyshky/translation/de48b7027f7318d77010a6e08ed928c10748c23d"


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

    corpus = "tatoeba"
    about = DatasetInfo(
        title="Tatoeba: translation of short sentences, French or German and English",
        licence="CC BY 2.0 FR",
        files=remote_files(
            "tatoeba",
            "16c4f7d0df9e7c5e6c54cdb0447f3f4a18a55052ff5e2e0b27dd4a06c0e49d04 2951390 fra-eng.zip",
            _FRENCH,
        )
        + remote_files(
            "tatoeba",
            "b7688f84f99fa33c17397c14d8bd9cef1fdeb2ee0bf50074767023aee8926e28 4012023 deu-eng.zip",
            _GERMAN,
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
        path = self.file(split)
        file = TextFile(path, f"{self.language}.txt" if path.suffix == ".zip" else None)
        seen: set[tuple[str, str]] = set()
        for number, line in lines(*file):
            if not line.strip():
                continue
            columns = [tidy(column) for column in line.split("\t")[:2]]
            if len(columns) < 2 or not all(columns):
                raise DataError(f"{file}:{number}: not ENGLISH<TAB>TRANSLATION")
            pair = columns[0], columns[1]
            if self.split_of(pair[0]) == split and pair not in seen:
                seen.add(pair)
                source, target = pair[::-1] if self.into_english else pair
                yield Example(source, target, str(file), number)

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
