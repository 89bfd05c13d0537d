"""Stanford Sentiment Treebank: sentiment of sentences and of their phrases."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rnnlab.data.encoded import Example
from rnnlab.data.formats.trees import nodes
from rnnlab.data.reading import TextFile, lines
from rnnlab.data.sequences import LabelledData
from rnnlab.data.source import DatasetInfo, DownloadedData, remote_files
from rnnlab.data.spec import Split
from rnnlab.errors import DataError

_ZIP = "sst/trainDevTestTrees_PTB.zip"
_MEMBERS: dict[Split, str] = {"train": "train.txt", "val": "dev.txt", "test": "test.txt"}
_FINE = {
    "0": "very negative",
    "1": "negative",
    "2": "neutral",
    "3": "positive",
    "4": "very positive",
}
_BINARY = {"0": "negative", "1": "negative", "3": "positive", "4": "positive"}


class SST(DownloadedData, LabelledData):
    """Sentences of film reviews, labelled by people, phrase by phrase (Socher et al. 2013).

    Read from `sst/trainDevTestTrees_PTB.zip` below the data root, or from `sst/trees/*.txt`. SST-5
    has five labels; SST-2 (another set than GLUE's) leaves out neutral sentences and joins the
    others into two: 6,920 + 872 + 1,821 sentences.

    Args:
        fine: Five labels; else two.
        phrases: Train on every distinct phrase of the training trees that has one of the labels,
            sentences among them; validation and test are always whole sentences.
    """

    corpus = "sst"
    about = DatasetInfo(
        title="Stanford Sentiment Treebank: sentiment, 5 or 2 labels, English",
        licence="none stated (research use; cite Socher et al. 2013)",
        files=remote_files(
            "sst",
            "5c613a4f673fc74097d523a2c83f38e0cc462984d847b82c7aaf36b01cbbbfcc 789539 "
            "trainDevTestTrees_PTB.zip",
            "https://nlp.stanford.edu/sentiment",
        ),
        counts={"train": 8_544, "val": 1_101, "test": 2_210},
    )

    lower: bool = True
    fine: bool = True
    phrases: bool = False

    @property
    def labels(self) -> dict[str, str]:
        """Names of the treebank's labels; those that are missing are left out."""
        return _FINE if self.fine else _BINARY

    def settings(self, part: Split) -> Any:
        """Labels, and whether phrases are examples."""
        return [len(self.labels), self.phrases and part == "train", self.lower]

    def files(self, split: Split) -> list[Path]:
        """The archive, or the unpacked file."""
        plain = f"{self.corpus}/trees/{_MEMBERS[split]}"
        return [self.find(_ZIP, plain)]

    def read(self, split: Split) -> Iterator[Example]:
        """The sentences of a split, in training the phrases as well."""
        path = self.file(split)
        file = TextFile(path, f"trees/{_MEMBERS[split]}" if path.suffix == ".zip" else None)
        phrases = self.phrases and split == "train"
        seen: set[tuple[str, ...]] = set()
        for number, line in lines(*file):
            if not line.strip():
                continue
            found = list(nodes(line, f"{file}:{number}"))
            for label, words in found if phrases else found[-1:]:
                if label not in _FINE:
                    raise DataError(f"{file}:{number}: label {label!r} is not one of 0 to 4")
                words = [word.lower() for word in words] if self.lower else words
                key = (label, *words)
                if label in self.labels and not (phrases and key in seen):
                    seen.add(key)
                    yield Example(words, (self.labels[label],), str(file), number)
