"""CoNLL-2003: English named entities."""

from pathlib import Path

from rnnlab.data.column_data import ColumnData
from rnnlab.data.source import DatasetInfo, DownloadedData, remote_files
from rnnlab.data.spec import Split

_URL = "https://raw.githubusercontent.com/synalp/NER/c0ea07c81ec3512b5047dcd804b0ac2b10a3bdfc/corpus/CoNLL-2003"
_FILES = """
eac0822f501353f265383ddf1edb0dcd42a1b6eefd3e383d7074db98c38eb41c 3281528 eng.train
aedc4ccbd1ae9795feaa0e86fe72d195b0258abed9d705b630d1c889276fac1e 827012 eng.testa
0632f32c090ef31c223135b7fee3187a7cf8e65c4015c7866bb7783428cdd9a6 748096 eng.testb
"""
_NAMES: dict[Split, tuple[str, str]] = {
    "train": ("train.txt", "eng.train"),
    "val": ("valid.txt", "eng.testa"),
    "test": ("test.txt", "eng.testb"),
}


class CoNLL2003(DownloadedData, ColumnData):
    """Reuters news with persons, organisations, locations and others (Tjong Kim Sang 2003).

    Read from `conll2003/{train,valid,test}.txt[.gz]` below the data root, else from the original
    `conll2003/iob1/eng.{train,testa,testb}[.gz]`; both give the same IOB2 tags. Document marks
    are dropped.
    """

    corpus = "conll2003"
    iob_columns = (2, 3, -1, -2)  # chunks and entities
    about = DatasetInfo(
        title="CoNLL-2003: named entities, English",
        licence="Reuters RCV1 text under the NIST agreement; not to be redistributed",
        files=remote_files("conll2003/iob1", _FILES, _URL),
        counts={"train": 14_041, "val": 3_250, "test": 3_453},
    )

    def files(self, split: Split) -> list[Path]:
        """The file of a split."""
        name, original = _NAMES[split]
        places = [name, f"{name}.gz", f"iob1/{original}", f"iob1/{original}.gz"]
        return [self.find(*(f"conll2003/{place}" for place in places))]
