"""Universal Dependencies, English Web Treebank: parts of speech."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

from rnnlab.data.encoded import Example
from rnnlab.data.formats.conllu import read_conllu
from rnnlab.data.source import DatasetInfo, RemoteFile, data_root, find
from rnnlab.data.spec import Kind, Split
from rnnlab.data.text import TextData
from rnnlab.data.tokenizer import Tokenizer

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


class UDEnglishEWT(TextData):
    """Web text with the part of speech of every word (Silveira et al. 2014), UD release 2.16.

    Read from `ud_english_ewt/en_ewt-ud-{train,dev,test}.conllu[.gz]` below the data root.

    Args:
        batch_size: Sentences in a batch.
        seed: Decides the order of training batches.
        root: The data root; None for `$RNNLAB_DATA`, else the user's cache.
        tags: The 17 universal parts of speech, or the 49 of the Penn Treebank.
        min_freq: Rarer words of the training data are unknown.
        max_vocab_size: Largest number of words in the vocabulary; None for all.
        max_length: Longer sentences are cut to this number of words; None for no limit.
    """

    corpus: ClassVar[str] = "ud_english_ewt"
    kind: ClassVar[Kind] = "tags"
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

    def __init__(
        self,
        *,
        batch_size: int = 32,
        seed: int = 0,
        root: str | None = None,
        tags: Literal["upos", "xpos"] = "upos",
        min_freq: int = 1,
        max_vocab_size: int | None = None,
        max_length: int | None = None,
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            seed=seed,
            min_freq=min_freq,
            max_vocab_size=max_vocab_size,
            max_length=max_length,
        )
        self.root = data_root(root)
        self.tags = tags

    def tokenizers(self) -> tuple[Tokenizer, None]:
        """The text is tokenised already."""
        return Tokenizer("space"), None

    def settings(self, part: Split) -> Any:
        """The tags to learn."""
        return self.tags

    def files(self, split: Split) -> list[Path]:
        """The file of a split."""
        name = f"{self.corpus}/{_FILES[split][0]}"
        return [find(self.root, self.corpus, self.about, [name, f"{name}.gz"])]

    def read(self, split: Split) -> Iterator[Example]:
        """The sentences of a split."""
        (path,) = self.files(split)
        return read_conllu(path, column=_COLUMNS[self.tags])

    def shown(self, path: Path) -> str:
        """The path below the data root."""
        return path.relative_to(self.root).as_posix()
