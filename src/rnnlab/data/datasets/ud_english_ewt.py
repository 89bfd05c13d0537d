"""Universal Dependencies, English Web Treebank: parts of speech."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

from rnnlab.data.encoded import Example
from rnnlab.data.files import DownloadedData
from rnnlab.data.formats.conllu import read_conllu
from rnnlab.data.sequences import TaggedData
from rnnlab.data.source import DatasetInfo, RemoteFile
from rnnlab.data.spec import Split
from rnnlab.data.vocab import UNK

_URL = (
    "https://raw.githubusercontent.com/UniversalDependencies/UD_English-EWT/"
    "15d613d8447b3478787d4c278730a1e48a945efb"
)
_FILES: dict[Split, tuple[str, int, str]] = {
    "train": (
        "en_ewt-ud-train.conllu",
        14_203_025,
        "3fb78e2b55482c8ee00caa653af436c88c9e5bc9a73ce26e4ae3ddc79d2b7e7b",
    ),
    "val": (
        "en_ewt-ud-dev.conllu",
        1_805_545,
        "531a54ff90d6ab12201c5a50c3e78e6ddac4de69abc4bce5d275d3cd29efe2b6",
    ),
    "test": (
        "en_ewt-ud-test.conllu",
        1_804_515,
        "e266e515a0a7547657ed3d90d9ba46487d6bd251f27ad4269d4e8a427c8555cd",
    ),
}
_COLUMNS = {"upos": 3, "xpos": 4}


class UDEnglishEWT(DownloadedData, TaggedData):
    """Web text with the part of speech of every word (Silveira et al. 2014), UD release 2.16.

    Read from `ud_english_ewt/en_ewt-ud-{train,dev,test}.conllu[.gz]` below the data root.

    Args:
        tags: The 17 universal parts of speech, or the 49 of the Penn Treebank.
    """

    corpus: ClassVar[str] = "ud_english_ewt"
    about: ClassVar[DatasetInfo] = DatasetInfo(
        title="UD English EWT 2.16: parts of speech, web text",
        licence="CC BY-SA 4.0",
        files=tuple(
            RemoteFile(
                path=f"ud_english_ewt/{name}", urls=(f"{_URL}/{name}",), sha256=sum_, size=size
            )
            for name, size, sum_ in _FILES.values()
        ),
        counts={"train": 12_544, "val": 2_001, "test": 2_077},
    )

    tags: Literal["upos", "xpos"] = "upos"

    def dry_examples(self) -> Iterable[Example]:
        """Two tags."""
        return [Example((UNK,) * 2, ("ADJ", "NOUN"), "")]

    def settings(self, part: Split) -> Any:
        """The tags to learn."""
        return self.tags

    def files(self, split: Split) -> list[Path]:
        """The file of a split."""
        name = f"{self.corpus}/{_FILES[split][0]}"
        return [self.find(name, f"{name}.gz")]

    def read(self, split: Split) -> Iterator[Example]:
        """The sentences of a split."""
        (path,) = self.files(split)
        return read_conllu(path, column=_COLUMNS[self.tags])
