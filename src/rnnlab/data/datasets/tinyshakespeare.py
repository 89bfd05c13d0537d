"""Tiny Shakespeare: a million characters of plays."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rnnlab.data.source import DatasetInfo, DownloadedData, remote_files
from rnnlab.data.spec import Split
from rnnlab.data.stream_data import StreamData

_PATH = "tinyshakespeare/input.txt"
_URL = "https://raw.githubusercontent.com/karpathy/char-rnn/6f9487a6fe5b420b7ca9afb0d7c078e37c1d1b4e/data/tinyshakespeare"


class TinyShakespeare(DownloadedData, StreamData):
    """40,000 lines from Shakespeare's plays, by default by character (Karpathy 2015).

    The first 90 % of the tokens are for training, the next 5 % for validation, the last 5 %
    for the test. Read from `tinyshakespeare/input.txt[.gz]` below the data root.
    """

    corpus = "tinyshakespeare"
    about = DatasetInfo(
        title="Tiny Shakespeare: plays, for character language models",
        licence="public-domain text; repository MIT",
        files=remote_files(
            "tinyshakespeare",
            "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed 1115394 input.txt",
            _URL,
        ),
        counts={"train": 1_003_854, "val": 55_770, "test": 55_770},
    )

    bptt: int = 128

    def files(self, split: Split) -> list[Path]:
        """One file holds all splits."""
        return [self.find(_PATH, f"{_PATH}.gz")]

    def training_texts(self) -> Iterator[str]:
        """The first 90 % of the characters."""
        texts = [*super().training_texts()]
        ends = np.cumsum([len(text) + 1 for text in texts])
        yield from texts[: int(np.searchsorted(ends, 0.9 * ends[-1], side="right"))]

    def span(self, split: Split, tokens: int) -> slice:
        """90, 5 and 5 %, in the order of the text."""
        first, second = tokens * 90 // 100, tokens * 95 // 100
        spans = {"train": slice(first), "val": slice(first, second), "test": slice(second, None)}
        return spans[split]
