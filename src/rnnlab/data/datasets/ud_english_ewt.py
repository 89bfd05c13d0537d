"""Universal Dependencies, English Web Treebank: parts of speech."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from rnnlab.data.encoded import Example
from rnnlab.data.formats.conll_columns import read_columns
from rnnlab.data.sequences import TaggedData
from rnnlab.data.source import DatasetInfo, DownloadedData, remote_files
from rnnlab.data.spec import Split

_URL = "https://raw.githubusercontent.com/UniversalDependencies/UD_English-EWT/15d613d8447b3478787d4c278730a1e48a945efb"
_FILES = """
3fb78e2b55482c8ee00caa653af436c88c9e5bc9a73ce26e4ae3ddc79d2b7e7b 14203025 en_ewt-ud-train.conllu
531a54ff90d6ab12201c5a50c3e78e6ddac4de69abc4bce5d275d3cd29efe2b6 1805545 en_ewt-ud-dev.conllu
e266e515a0a7547657ed3d90d9ba46487d6bd251f27ad4269d4e8a427c8555cd 1804515 en_ewt-ud-test.conllu
"""
_NAMES: dict[Split, str] = {"train": "train", "val": "dev", "test": "test"}
_COLUMNS = {"upos": 3, "xpos": 4}


class UDEnglishEWT(DownloadedData, TaggedData):
    """Web text with the part of speech of every word (Silveira et al. 2014), UD release 2.16.

    Read from `ud_english_ewt/en_ewt-ud-{train,dev,test}.conllu[.gz]` below the data root.

    Args:
        tags: The 17 universal parts of speech, or the 49 of the Penn Treebank.
    """

    corpus = "ud_english_ewt"
    about = DatasetInfo(
        title="UD English EWT 2.16: parts of speech, web text",
        licence="CC BY-SA 4.0",
        files=remote_files("ud_english_ewt", _FILES, _URL),
        counts={"train": 12_544, "val": 2_001, "test": 2_077},
    )

    tags: Literal["upos", "xpos"] = "upos"

    def settings(self, part: Split) -> Any:
        """The tags to learn."""
        return self.tags

    def files(self, split: Split) -> list[Path]:
        """The file of a split."""
        name = f"{self.corpus}/en_ewt-ud-{_NAMES[split]}.conllu"
        return [self.find(name, f"{name}.gz")]

    def read(self, split: Split) -> Iterator[Example]:
        """The sentences of a split."""
        return read_columns(self.file(split), tag_column=_COLUMNS[self.tags])
