"""MNIST as sequences: a digit, read pixel by pixel or row by row."""

from pathlib import Path
from typing import ClassVar

import numpy as np

from rnnlab.config.types import PositiveInt
from rnnlab.data.base import SequenceData
from rnnlab.data.examples import Examples
from rnnlab.data.files import DownloadedData, RandomSplit
from rnnlab.data.formats.idx import read_idx
from rnnlab.data.reading import sha256
from rnnlab.data.source import DatasetInfo, RemoteFile
from rnnlab.data.spec import Kind, Spec, Split
from rnnlab.data.vocab import Vocab
from rnnlab.errors import ConfigError, DataError

SIDE = 28
_URLS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
)
_FILES = {
    "train-images-idx3-ubyte.gz": (
        9_912_422,
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
    ),
    "train-labels-idx1-ubyte.gz": (
        28_881,
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
    ),
    "t10k-images-idx3-ubyte.gz": (
        1_648_877,
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
    ),
    "t10k-labels-idx1-ubyte.gz": (
        4_542,
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
    ),
}


class SequentialMNIST(DownloadedData, RandomSplit, SequenceData):
    """70,000 handwritten digits, one feature for each of 784 steps (Le, Jaitly and Hinton 2015).

    Read from `mnist/{train,t10k}-{images-idx3,labels-idx1}-ubyte[.gz]` below the data root. Pixels
    are between 0 and 1. The test set is the official one; validation is held out of training.

    Args:
        permuted: Read the pixels in a fixed random order, which `split_seed` decides.
        rows: A row of 28 pixels a step, 28 steps; else one pixel a step, 784 steps.
        val_size: Training digits that are held out for validation.
    """

    corpus: ClassVar[str] = "sequential_mnist"
    kind: ClassVar[Kind] = "label"
    about: ClassVar[DatasetInfo] = DatasetInfo(
        title="MNIST as sequences: handwritten digits, pixel by pixel",
        licence="CC BY-SA 3.0",
        files=tuple(
            RemoteFile(
                path=f"mnist/{name}",
                urls=tuple(f"{url}/{name}" for url in _URLS),
                sha256=digest,
                size=size,
            )
            for name, (size, digest) in _FILES.items()
        ),
        counts={"train": 55_000, "val": 5_000, "test": 10_000},
    )

    batch_size: int = 128
    permuted: bool = False
    rows: bool = False
    val_size: PositiveInt = 5_000

    def __post_init__(self) -> None:
        super().__post_init__()
        self._checksums: dict[str, str] = {}
        self._made: dict[Split, Examples] = {}

    def spec(self) -> Spec:
        """A pixel or a row of pixels in, one of ten digits out."""
        digits = Vocab([str(digit) for digit in range(10)])
        return Spec(source=SIDE if self.rows else 1, target=digits, kind=self.kind)

    def files(self, split: Split) -> list[Path]:
        """Pictures and labels of the official split that holds a split."""
        part = "t10k" if split == "test" else "train"
        names = (f"mnist/{part}-images-idx3-ubyte", f"mnist/{part}-labels-idx1-ubyte")
        return [self.find(f"{name}.gz", name) for name in names]

    def examples(self, split: Split) -> Examples:
        """One split, (N, 784, 1) or (N, 28, 28) and labels (N,); see the base class.

        Raises:
            DataError: A file is missing or damaged, or pictures and labels do not match.
            ConfigError: `val_size` leaves nothing to train on.
        """
        if split not in self._made:
            self._made[split] = self._read(split)
        return self._made[split]

    def _read(self, split: Split) -> Examples:
        files = self.files(split)
        images, labels = read_idx(files[0], 3), read_idx(files[1], 1)
        self._checksums |= {self.shown(path): sha256(path) for path in files}
        if images.shape[1:] != (SIDE, SIDE) or len(images) != len(labels) or labels.max() > 9:
            raise DataError(f"{files[0]}: pictures {images.shape}, {len(labels)} labels of digits")
        if split != "test":
            chosen = self._held(len(images), train=split == "train")
            images, labels = images[chosen], labels[chosen]
        pixels = images.reshape(len(images), -1)
        if self.permuted:
            order = np.random.default_rng((self.split_seed, 1)).permutation(SIDE * SIDE)
            pixels = pixels[:, order]
        inputs = (pixels.astype(np.float32) / 255).reshape(
            len(images), -1, SIDE if self.rows else 1
        )
        return Examples(inputs, labels.astype(np.int64))

    def reuse(self, spec: Spec) -> None:
        """Check that a trained model reads this data.

        Raises:
            DataError: It reads something else.
        """
        if spec != self.spec():
            raise DataError(
                "sequential_mnist: the model was trained on other inputs; set data.rows as there"
            )

    def checksums(self) -> dict[str, str]:
        """sha256 of each file read so far."""
        return dict(self._checksums)

    def _held(self, size: int, *, train: bool) -> np.ndarray:
        if self.val_size >= size:
            raise ConfigError(f"data.val_size: {self.val_size} of {size} leave none to train on")
        order = np.random.default_rng(self.split_seed).permutation(size)
        return np.sort(order[self.val_size :] if train else order[: self.val_size])
