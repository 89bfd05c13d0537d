"""MNIST as sequences: a digit, read pixel by pixel, row by row, or at once."""

from pathlib import Path

import numpy as np

from rnnlab.config.types import PositiveInt
from rnnlab.data.balanced import BalancedData
from rnnlab.data.examples import Examples
from rnnlab.data.formats.idx import read_idx
from rnnlab.data.reading import sha256
from rnnlab.data.source import DatasetInfo, DownloadedData, remote_files
from rnnlab.data.spec import Spec, Split
from rnnlab.data.splits import RandomSplit
from rnnlab.data.vocab import Vocab
from rnnlab.errors import ConfigError, DataError

SIDE = 28
_URLS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist",
    "https://storage.googleapis.com/cvdf-datasets/mnist",
)
_FILES = """
440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609 9912422 train-images-idx3-ubyte.gz
3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c 28881 train-labels-idx1-ubyte.gz
8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6 1648877 t10k-images-idx3-ubyte.gz
f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6 4542 t10k-labels-idx1-ubyte.gz
"""


class SequentialMNIST(DownloadedData, RandomSplit, BalancedData):
    """70,000 handwritten digits, one feature for each of 784 steps (Le, Jaitly and Hinton 2015).

    Read from `mnist/{train,t10k}-{images-idx3,labels-idx1}-ubyte[.gz]` below the data root. Pixels
    are between 0 and 1. The test set is the official one; validation is held out of training.

    Args:
        permuted: Read the pixels in a fixed random order, which `split_seed` decides.
        rows: A row of 28 pixels a step, 28 steps; else one pixel a step, 784 steps.
        flat: All 784 pixels in one step, as `encoder=feedforward` reads them.
        val_size: Training digits that are held out for validation.
    """

    corpus = "sequential_mnist"
    kind = "label"
    about = DatasetInfo(
        title="MNIST as sequences: handwritten digits, pixel by pixel",
        licence="CC BY-SA 3.0",
        files=remote_files("mnist", _FILES, *_URLS),
        counts={"train": 55_000, "val": 5_000, "test": 10_000},
    )

    batch_size: PositiveInt | None = 128
    permuted: bool = False
    rows: bool = False
    flat: bool = False
    val_size: PositiveInt = 5_000

    def spec(self) -> Spec:
        """A pixel, a row or all pixels in, one of ten digits out.

        Raises:
            ConfigError: `rows` and `flat`.
        """
        if self.rows and self.flat:
            raise ConfigError("data.rows, data.flat: a step is a row or the whole picture")
        digits = Vocab([str(digit) for digit in range(10)])
        return Spec(source=self._features, target=digits, kind="label")

    @property
    def _features(self) -> int:
        return SIDE * SIDE if self.flat else SIDE if self.rows else 1

    def files(self, split: Split) -> list[Path]:
        """Pictures and labels of the official split that holds a split."""
        part = "t10k" if split == "test" else "train"
        names = (f"mnist/{part}-images-idx3-ubyte", f"mnist/{part}-labels-idx1-ubyte")
        return [self.find(f"{name}.gz", name) for name in names]

    def checksums_of(self, split: Split) -> dict[str, str]:
        """See the base class."""
        return {self.shown(str(path)): sha256(path) for path in self.files(split)}

    def examples(self, split: Split) -> Examples:
        """One split, (N, 784, 1), (N, 28, 28) or (N, 1, 784), and labels (N,); see the base class.

        Raises:
            DataError: A file is missing or damaged, or pictures and labels do not match.
            ConfigError: `val_size` leaves nothing to train on.
        """
        files = self.files(split)
        images, labels = read_idx(files[0], 3), read_idx(files[1], 1)
        self._checksums |= self.checksums_of(split)
        if images.shape[1:] != (SIDE, SIDE) or len(images) != len(labels) or labels.max() > 9:
            raise DataError(f"{files[0]}: pictures {images.shape}, {len(labels)} labels of digits")
        if split != "test":
            if self.val_size >= len(images):
                raise ConfigError(
                    f"data.val_size: {self.val_size} of {len(images)} leave none to train on"
                )
            order = np.random.default_rng(self.split_seed).permutation(len(images))
            chosen = np.sort(order[: self.val_size] if split == "val" else order[self.val_size :])
            images, labels = images[chosen], labels[chosen]
        pixels = images.reshape(len(images), -1)
        if self.permuted:
            order = np.random.default_rng((self.split_seed, 1)).permutation(SIDE * SIDE)
            pixels = pixels[:, order]
        shape = (len(images), -1, self._features)
        inputs = (pixels.astype(np.float32) / 255).reshape(shape)
        return Examples(inputs, labels.astype(np.int64))
