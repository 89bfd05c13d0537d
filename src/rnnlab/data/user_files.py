"""Files of the user's own: one a split, or one that is split here."""

import math
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from itertools import compress
from pathlib import Path
from typing import Any, TypeVar, get_args

import numpy as np

from rnnlab.config.types import Fraction, Seed
from rnnlab.data.base import SequenceData
from rnnlab.data.encoded import Example
from rnnlab.data.held_out import contiguous, stratified
from rnnlab.data.spec import Split
from rnnlab.errors import ConfigError, refuse

T = TypeVar("T")

SPLITS: tuple[Split, ...] = get_args(Split)


class UserFiles(SequenceData):
    """Files of the user's own, one a split.

    Args:
        train: The training file; not needed to evaluate a trained model.
        val: The validation file; null for a part of `train` (see `split`).
        test: The test file; null for a part of `train`.
        split: Shares of training, validation and test, such as [0.8,0.1,0.1]: what has no file of
            its own is held out of `train`, by content and `split_seed`, each class in its share;
            what is repeated stays on one side.
        split_seed: Decides what is held out; apart from `seed`, so that all seeds have one split.
    """

    train: str | None = None
    val: str | None = None
    test: str | None = None
    split: tuple[Fraction, Fraction, Fraction] | None = None
    split_seed: Seed = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self._assigned: np.ndarray | None = None
        if self.split is None:
            return
        if not math.isclose(sum(self.split), 1.0, abs_tol=1e-6) or not self.split[0]:
            shares = ", ".join(map(str, self.split))
            raise ConfigError(
                f"data.split: [{shares}] are to be the shares of train, val and test: a sum of 1, "
                "and something to train on, such as [0.8,0.1,0.1]"
            )

    @abstractmethod
    def split_keys(self) -> Iterable[tuple[str, str]]:
        """Of each item in the training file its content, and the class that it counts as."""

    def place(self, split: Split) -> Any:
        """What the user gave for a split, or for the training that it is held out of.

        Raises:
            ConfigError: Nothing; names the option.
        """
        value = getattr(self, split)
        if value is None and self.split is not None:
            value = self.train
        if value is None:
            hint = "" if split == "train" else ", or hold it out: data.split=[0.8,0.1,0.1]"
            raise ConfigError(
                f"data.{split}: not given; name the file with data.{split}=FILE{hint}"
            )
        return value

    def check_given(self) -> None:
        """Each split has its file, or a share of the training file."""
        problems: list[str] = []
        for split in SPLITS:
            try:
                self.place(split)
            except ConfigError as error:
                problems.append(str(error))
        refuse(problems)

    def files(self, split: Split) -> list[Path]:
        """The file of a split."""
        return [Path(self.place(split))]

    def shares(self) -> tuple[float, float]:
        """Of the training file what is held out for validation and for the test."""
        _, val, test = self.split or (1.0, 0.0, 0.0)
        return val if self.val is None else 0.0, test if self.test is None else 0.0

    def held_out(self, split: Split) -> Any:
        """What decides which part of its file a split is, plain values; None for all of it."""
        whole = self.split is None or not any(self.shares())
        if whole or (split != "train" and getattr(self, split) is not None):
            return None
        return [split, *self.shares(), self.split_seed]

    def kept(self, split: Split, items: Iterable[T]) -> Iterator[T]:
        """Of the items in the file of a split those that are the split's."""
        if self.held_out(split) is None:
            yield from items
        else:
            yield from compress(items, self.assigned() == SPLITS.index(split))

    def assigned(self) -> np.ndarray:
        """Of each item in the training file the number of its split, int8 (N,)."""
        if self._assigned is None:
            self._assigned = self.divided()
        return self._assigned

    def divided(self) -> np.ndarray:
        """See `assigned`."""
        return stratified(self.split_keys(), self.shares(), self.split_seed)

    def remarks(self) -> list[str]:
        """See the base class; how the training file was split."""
        return [*super().remarks(), *self.split_remarks()]

    def split_remarks(self) -> list[str]:
        """What is held out of the training file, a sentence where it is split."""
        if self.split is None:
            return []
        if self.held_out("train") is None:
            return ["data.split holds nothing out: val and test have files of their own"]
        counts = np.bincount(self.assigned(), minlength=len(SPLITS))
        found = ", ".join(
            f"{split} {count:,}"
            for split, count in zip(SPLITS, counts, strict=True)
            if split == "train" or getattr(self, split) is None
        )
        return [f"{self.train} is split here: {found} ({self.rule}, split_seed {self.split_seed})"]

    @property
    def rule(self) -> str:
        """How it is split, in a few words."""
        return "each class in its share, repeats on one side"


class UserTexts(UserFiles):
    """Examples with texts, in files of the user's own; put before what says how they are read."""

    @abstractmethod
    def read_file(self, split: Split) -> Iterator[Example]:
        """All examples in the file of a split."""

    def read(self, split: Split) -> Iterator[Example]:
        """The examples of a split in the order of its file."""
        return self.kept(split, self.read_file(split))

    def split_keys(self) -> Iterable[tuple[str, str]]:
        """By text, whatever its case and white space."""
        for example in self.read_file("train"):
            text = example.source if isinstance(example.source, str) else " ".join(example.source)
            yield " ".join(text.casefold().split()), self.class_of(example)

    def class_of(self, example: Example) -> str:
        """What `split` keeps the shares of; by default all are alike."""
        return ""


class UserStream(UserFiles):
    """A text of the user's own, split into pieces: training, validation, test, in this order."""

    def divided(self) -> np.ndarray:
        """Contiguous pieces."""
        return contiguous([len(key) + 1 for key, _ in self.split_keys()], self.shares())

    @property
    def rule(self) -> str:
        """See the base class."""
        return "lines in contiguous pieces by their characters: training, validation, test"
