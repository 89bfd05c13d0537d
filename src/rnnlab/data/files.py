"""Where the files of a data set are, and how its examples are split where no split is given."""

from pathlib import Path
from typing import ClassVar, TypeVar

from rnnlab.config.types import Probability, Seed
from rnnlab.data.base import Configurable
from rnnlab.data.source import DatasetInfo, data_root, find
from rnnlab.data.spec import Split
from rnnlab.errors import ConfigError

T = TypeVar("T")


class DownloadedData(Configurable):
    """A published data set, whose files can be downloaded.

    Args:
        root: Folder of the original files; null for `$RNNLAB_DATA`, else the user's cache.

    Attributes:
        corpus: Its name on the command line.
        about: Where its files come from, and what is known of them.
    """

    corpus: ClassVar[str]
    about: ClassVar[DatasetInfo]

    root: str | None = None

    @property
    def folder(self) -> Path:
        """The data root."""
        return data_root(self.root)

    def find(self, *candidates: str) -> Path:
        """The first of several places below the data root that exists.

        Raises:
            DataError: None does; says how to get the files.
        """
        return find(self.folder, self.corpus, self.about, list(candidates))

    def shown(self, path: Path) -> str:
        """The path below the data root."""
        return path.relative_to(self.folder).as_posix()


class UserFiles(Configurable):
    """Files of the user's own, one a split.

    Args:
        train: The training file; not needed to evaluate a trained model.
        val: The validation file.
        test: The test file.
    """

    train: str | None = None
    val: str | None = None
    test: str | None = None

    def file(self, split: Split) -> Path:
        """The file of a split."""
        return Path(given(split, getattr(self, split)))

    def files(self, split: Split) -> list[Path]:
        """The one file."""
        return [self.file(split)]


def given(split: Split, value: T | None) -> T:
    """What the user gave for a split.

    Raises:
        ConfigError: Nothing; names the option.
    """
    if value is None:
        raise ConfigError(f"data.{split}: not given; name the file with data.{split}=FILE")
    return value


class RandomSplit(Configurable):
    """Data that has not all of its splits.

    Args:
        split_seed: Decides what is held out; apart from `seed`, so that all seeds have one split.
    """

    split_seed: Seed = 0


class ValidationSplit(RandomSplit):
    """Data without validation examples.

    Args:
        val_fraction: Share of the training examples that is held out for validation.
    """

    val_fraction: Probability = 0.1


class ThreeSplits(ValidationSplit):
    """Data that is not split at all.

    Args:
        test_fraction: Share that is held out for the test.

    Raises:
        ConfigError: Nothing is left to train on.
    """

    test_fraction: Probability = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.val_fraction + self.test_fraction >= 1:
            raise ConfigError(
                f"data.test_fraction: {self.test_fraction} and data.val_fraction="
                f"{self.val_fraction} leave nothing to train on"
            )
