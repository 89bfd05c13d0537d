"""A data set as a Lightning data module: what all corpora and generators share."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any, ClassVar, dataclass_transform

import numpy as np
import torch
from lightning import LightningDataModule

from rnnlab.config.types import PositiveInt, Seed
from rnnlab.data.batch import IGNORE, Batch
from rnnlab.data.content import Content
from rnnlab.data.examples import Examples
from rnnlab.data.loader import Loader
from rnnlab.data.spec import Kind, Spec, Split
from rnnlab.data.stream import Stream
from rnnlab.data.vocab import Vocab
from rnnlab.errors import ConfigError, DataError

SMALLEST, LARGEST, BATCHES = 8, 64, 400
"""Sequences in a batch, and batches in an epoch, where `batch_size` is None."""


@dataclass_transform(kw_only_default=True, eq_default=False)
class Configurable:
    """What declares options: every subclass is a dataclass, and its fields are the options.

    Fields of base classes are inherited; one that needs another default is repeated as
    `name: type = default`. What is no option is set in `__post_init__`, which starts with that of
    the base class.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        bases = [base for base in reversed(cls.__mro__) if is_dataclass(base)]
        for name, field in {field.name: field for base in bases for field in fields(base)}.items():
            # of several bases, the class that declares an option decides, not one that inherits it
            default = getattr(cls, name, MISSING)
            if name not in cls.__annotations__ and default is not field.default:
                cls.__annotations__[name] = field.type
                setattr(cls, name, default)
        dataclass(kw_only=True, eq=False, repr=False)(cls)

    def __post_init__(self) -> None:
        """After all options are set."""


class SequenceData(LightningDataModule, Configurable, ABC):
    """Splits, vocabularies and loaders of one data set.

    A subclass gives `spec` and `examples`. No file is read before one of them is called.

    Args:
        batch_size: Sequences in a batch; parallel streams of a text. None for 64, or for as few
            (8 at least) as give an epoch of small training data 400 batches.
        seed: Decides the order of training batches, and what is drawn at random.

    Attributes:
        kind: What its targets are; a task must declare the same, or one of `other_kinds`.
        other_kinds: What its targets can be besides, where a task wants that.
    """

    kind: ClassVar[Kind]
    other_kinds: ClassVar[Sequence[Kind]] = ()

    batch_size: PositiveInt | None = 32
    seed: Seed = 0

    def __post_init__(self) -> None:
        """Initialise the data module."""
        super().__init__()
        self._checksums: dict[str, str] = {}

    @abstractmethod
    def spec(self) -> Spec:
        """Sizes and vocabularies, from the training data."""

    def dry_spec(self) -> Spec:
        """A spec of the right kind with small vocabularies, made without reading a file.

        With it a model can be built to see whether data, encoder and task fit. Data whose `spec`
        reads files overrides it.
        """
        return self.spec()

    def check_given(self) -> None:
        """See that training is given all that it reads; no file is opened.

        Raises:
            ConfigError: An option is missing.
        """

    @abstractmethod
    def examples(self, split: Split) -> Examples | Stream:
        """One split, encoded; an empty one is a DataError that names it."""

    def content(self, split: Split) -> Content:
        """What a split holds, for a look at it before training; by default lengths and classes."""
        spec, examples = self.spec(), self.examples(split)
        ids = examples.target_ids()
        classes = {}
        if spec.kind in ("label", "tags") and isinstance(spec.target, Vocab):
            counts = np.bincount(ids[ids != IGNORE], minlength=len(spec.target))
            classes = {
                name: int(count)
                for name, count in zip(spec.target.tokens, counts, strict=True)
                if count
            }
        if isinstance(examples, Stream):
            return Content("tokens", np.array([len(examples)]), classes=classes)
        values = ids if spec.kind == "values" else np.zeros((0, 1))
        return Content("steps", examples.lengths, classes=classes, values=values)

    def target_prior(self) -> np.ndarray:
        """How often each target is to be predicted in training, int64 (V,).

        Of targets that are numbers their mean over the training data, float32 (K,).
        """
        spec, ids = self.spec(), self.examples("train").target_ids()
        if isinstance(spec.target, int):
            return np.asarray(ids.mean(axis=0), dtype=np.float32)
        counts = np.bincount(ids[ids != IGNORE], minlength=len(spec.target))
        if spec.kind == "tokens":
            counts[spec.target.start_id] = 0  # it is given
        return counts

    def add_words(self, words: Sequence[str], *, lower_fallback: bool) -> None:
        """Extend the source vocabulary by words that have vectors in a file.

        Call it before `spec` and `examples`. Data whose inputs are not words ignores it.
        """

    def texts(self, path: Path) -> Iterator[str] | None:
        """The input texts in a file of the data's own format, for `rnnlab predict`.

        None, the default, where each line of a file is a text.
        """
        return None

    def use_kind(self, kind: Kind) -> None:
        """Give targets of this kind, which is one of those that the class names.

        Call it before `spec` and `examples`. Data of one kind has nothing to choose.
        """

    def use_characters(self) -> None:
        """Give the characters of the words as well: ids in the batches, a vocabulary in the spec.

        Call it before `spec` and `examples`.

        Raises:
            ConfigError: The inputs are not words.
        """
        raise ConfigError(f"characters: {type(self).__name__} gives no words; choose none")

    def start_from(self, spec: Spec) -> None:
        """Split texts as a trained encoder's data did, where it reads subwords.

        Call it before `spec` and `examples`. Other data has nothing to change.
        """

    def reuse(self, spec: Spec) -> None:
        """Encode with the vocabularies of a trained model instead of new ones.

        Call it before `examples`; `spec` then returns it. Data whose vocabularies are fixed by
        its options has nothing to change.

        Raises:
            DataError: The model reads other data.
        """
        if spec != self.spec():
            raise DataError(
                f"{type(self).__name__}: the trained model has other inputs or targets; "
                "use the data options of its run"
            )

    def remarks(self) -> list[str]:
        """What the user should know of the data before training on it, a sentence each."""
        if self.batch_size is not None:
            return []
        size = self.train_dataloader().batch_size
        return [f"batches of {size}, for the number of examples; data.batch_size chooses another"]

    def checksums(self) -> dict[str, str]:
        """sha256 of each file read so far, by its path below the data root."""
        return dict(self._checksums)

    def checksums_of(self, split: Split) -> dict[str, str]:
        """sha256 of the files that hold a split, by the same names; none where it is generated."""
        return {}

    def transfer_batch_to_device(
        self, batch: Batch, device: torch.device, dataloader_idx: int
    ) -> Batch:
        """Move a batch; to a GPU from page-locked memory, so that the copy is asynchronous."""
        if device.type == "cuda":
            return batch.pin_memory().to(device, non_blocking=True)
        return batch.to(device)

    def train_dataloader(self) -> Loader:
        """Training batches: shuffled, bucketed by length."""
        return self._loader("train")

    def val_dataloader(self) -> Loader:
        """Validation batches."""
        return self._loader("val")

    def test_dataloader(self) -> Loader:
        """Test batches."""
        return self._loader("test")

    def _loader(self, split: Split) -> Loader:
        trainer = self.trainer
        examples = self.examples(split)
        fitting = min(LARGEST, max(SMALLEST, len(examples) // BATCHES))
        return examples.loader(
            self.batch_size or (fitting if split == "train" else LARGEST),
            shuffle=split == "train",
            seed=self.seed,
            rank=0 if trainer is None else trainer.global_rank,
            world_size=1 if trainer is None else trainer.world_size,
        )
