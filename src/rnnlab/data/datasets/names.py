"""Surnames of eighteen languages: which language is a name of?"""

from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from itertools import groupby
from pathlib import Path
from typing import Any

from rnnlab.config.types import PositiveInt
from rnnlab.data.encoded import Example
from rnnlab.data.reading import lines
from rnnlab.data.sequences import LabelledData, LabelToText
from rnnlab.data.source import DatasetInfo, DownloadedData, remote_files
from rnnlab.data.spec import Split
from rnnlab.data.splits import ThreeSplits

_FILES = """
6f424a8dbe51cbbbabab7a57d38b617210125e4e3991f3c657cb79b8f104bafc 13190 Arabic.txt
09ba8f1f7e38dbc99372d461b26ad4433b811fc6bfa6a3ecca6fe11a9a777465 1246 Chinese.txt
e17ab0ec47616a72c39cb85c783f70c3663ab64488721e5d8378f146d2226be7 3916 Czech.txt
924f32b635170eae561f84538632138fc07d4c8bbd70ba3fb980de1ecc4d2af3 2351 Dutch.txt
9cca037066d3d5989e24bc01801416162de506b5e28e15b7c092a47905d29bf2 27125 English.txt
81e65b36c60ed5b89a17422f6edcadbb89546f38ad69e960e64e7ba682012a95 2178 French.txt
7449cd590b97a733e18d613a4155decd77ec35dc5f8aadd7a82204dce4f051db 5610 German.txt
3555b5186de7f401e6d991b088e9e644ca3099116477818c25ab5793801389e6 1981 Greek.txt
cf8c7013256252a88d2503127b87282a11f21b2ff6db1bded68834c19a1ec058 1858 Irish.txt
f88414c27d0606a11a678b4859277828c2565d6cc4d9ee932deef6e94f3b35e4 5657 Italian.txt
e0e717e114fec3e7eade4d9dabe0067c475f43147e36a22b47902ee76ad9e67f 7622 Japanese.txt
cd54221ccb362a6cba4c78828838cf3268a0e59744767a37cf6ec4b74036b136 423 Korean.txt
45bab898af2f60ed3a728bbf6980e28821011a7caa53227553b5785903a40826 1165 Polish.txt
50a8735f41f4f73757c8ce5b16cb0275cd86b2b214bcbc8c9805f508cb131c53 554 Portuguese.txt
0cfe53ac18041e8f63666aa77313e0a3ff378facb132abee052d8ebdc8c3d62c 85168 Russian.txt
78d0252711d87d948ea86fe34826c51d2d794a8e52d15b5d6f7b6244d45d62dd 752 Scottish.txt
1bcb462ed3316756a85781d68232bddae04498fdddd5d9219c53fd1fbdeba7a7 2284 Spanish.txt
f3f9e4164ab47601178a6e45b216464a64122f49d05541f24bf18a757253281d 339 Vietnamese.txt
"""
_URL = "https://raw.githubusercontent.com/spro/practical-pytorch/c520c52e68e945d88fff563dba1c028b6ec0197b/data/names"


class Names(DownloadedData, ThreeSplits, LabelledData):
    """18,012 surnames of 18 languages, read letter by letter (Robertson 2017).

    Read from `names/LANGUAGE.txt` below the data root. Repeats are dropped before the split:
    2,000 Arabic lines hold 108 names. Every name stands in one split only, with all its languages:
    469 names have more than one, so that no model is right about all of them. Half of the names
    are Russian: look at `balanced_accuracy`.
    """

    corpus = "names"
    units = "char"
    about = DatasetInfo(
        title="Names by language: surnames, 18 languages",
        licence="MIT (of the repository)",
        files=remote_files("names", _FILES, _URL),
        counts={"train": 14_418, "val": 1_798, "test": 1_796},
    )

    batch_size: PositiveInt | None = 64
    min_freq: int = 2

    def settings(self, part: Split) -> Any:
        """How the names are split."""
        return [self.val_fraction, self.test_fraction, self.split_seed]

    def files(self, split: Split) -> list[Path]:
        """The files of all languages, in alphabetical order."""
        return [self.find(remote.path) for remote in self.about.files]

    def read(self, split: Split) -> Iterator[Example]:
        """The names of a split."""
        yield from self.choose(list(read_surnames(self.files(split))), split)

    def choose(self, surnames: Sequence[Example], split: Split) -> list[Example]:
        """The surnames of a split, in the order given: languages one behind the other.

        Every language gives the same share of its names to each split. A name of several languages
        counts with the first of them, and all of its languages go to the same split: no name that
        is tested was trained on.
        """
        seen: set[str | Sequence[str]] = set()
        chosen: set[str | Sequence[str]] = set()
        for _, group in groupby(surnames, key=lambda surname: surname.target):
            own = [surname.source for surname in group if surname.source not in seen]
            seen.update(own)
            own.sort(key=lambda name: blake2b(f"{self.split_seed} {name}".encode()).digest())
            test = round(self.test_fraction * len(own))
            val = test + round(self.val_fraction * len(own))
            parts = {"test": own[:test], "val": own[test:val], "train": own[val:]}
            chosen.update(parts[split])
        return [surname for surname in surnames if surname.source in chosen]


class NamesOfLabel(LabelToText, Names):  # type: ignore[misc]  # sides exchanged
    """Surnames of a language; see `Names`."""


def read_surnames(files: Iterable[Path]) -> Iterator[Example]:
    """Every name of every language once; blank lines are skipped.

    A name of several languages comes once for each: it is nobody's mistake.
    """
    for file in files:
        seen: set[str] = set()
        for number, line in lines(file):
            name = line.strip()
            if name and name not in seen:
                seen.add(name)
                yield Example(name, (file.stem,), str(file), number)
