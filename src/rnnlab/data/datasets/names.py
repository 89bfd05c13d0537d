"""Surnames: which language is a name of?"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

from rnnlab.data.encoded import Example
from rnnlab.data.formats.surnames import SURNAMES, read_surnames, split_surnames, surname_files
from rnnlab.data.source import DatasetInfo, data_root
from rnnlab.data.spec import Kind, Split
from rnnlab.data.text import TextData
from rnnlab.data.tokenizer import Tokenizer


class Names(TextData):
    """18,012 surnames of 18 languages, read letter by letter (Robertson 2017).

    Read from `names/LANGUAGE.txt` below the data root. Repeats are dropped before the split:
    2,000 Arabic lines hold 108 names. Every name stands in one split only, with all its languages:
    469 names have more than one, so that no model is right about all of them. Half of the names
    are Russian: look at `balanced_accuracy`.

    Args:
        batch_size: Names in a batch.
        seed: Decides the order of training batches.
        root: The data root; None for `$RNNLAB_DATA`, else the user's cache.
        lower: Lower-case the names.
        min_freq: Rarer letters of the training names are unknown.
        val_fraction: Share of each language's names that is held out for validation.
        test_fraction: Share that is held out for the test.
        split_seed: Decides which; another option than `seed`, so that runs that differ in their
            seed share their splits.
    """

    corpus: ClassVar[str] = "names"
    kind: ClassVar[Kind] = "label"
    about: ClassVar[DatasetInfo] = SURNAMES

    def __init__(
        self,
        *,
        batch_size: int = 64,
        seed: int = 0,
        root: str | None = None,
        lower: bool = False,
        min_freq: int = 2,
        val_fraction: float = 0.1,
        test_fraction: float = 0.1,
        split_seed: int = 0,
    ) -> None:
        super().__init__(batch_size=batch_size, seed=seed, min_freq=min_freq)
        self.root = data_root(root)
        self.lower = lower
        self.val_fraction = val_fraction
        self.test_fraction = test_fraction
        self.split_seed = split_seed

    def tokenizers(self) -> tuple[Tokenizer, None]:
        """Letters of the names."""
        return Tokenizer("char", lower=self.lower), None

    def settings(self, part: Split) -> Any:
        """How the names are split."""
        return [self.val_fraction, self.test_fraction, self.split_seed]

    def files(self, split: Split) -> list[Path]:
        """The files of all languages."""
        return surname_files(self.root)

    def read(self, split: Split) -> Iterator[Example]:
        """The names of a split."""
        chosen = split_surnames(
            list(read_surnames(self.files(split))),
            split,
            val_fraction=self.val_fraction,
            test_fraction=self.test_fraction,
            split_seed=self.split_seed,
        )
        for name, language, file, line in chosen:
            yield Example(name, (language,), self.shown(file), line)

    def shown(self, path: Path) -> str:
        """The path below the data root."""
        return path.relative_to(self.root).as_posix()
