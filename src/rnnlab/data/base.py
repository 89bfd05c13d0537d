"""A data set as a Lightning data module: what all corpora and generators share."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, Protocol, runtime_checkable

import torch
from lightning import LightningDataModule

from rnnlab.data.batch import Batch
from rnnlab.data.spec import Kind, Spec, Split
from rnnlab.errors import ConfigError, DataError


@runtime_checkable
class Loader(Protocol):
    """Batches of a split, for one process; can go on in the middle of an epoch.

    Attributes:
        seconds: Time that was spent on making batches; whoever asked for them waited for it.
        sampler: The order of batches, which is told the epoch by `set_epoch`.
    """

    seconds: float
    sampler: Any

    def __len__(self) -> int:
        """Batches an epoch."""

    def __iter__(self) -> Iterator[Batch]:
        """Those of the epoch; after `load_state_dict`, those that were not yet handed out."""

    def reference_texts(self) -> list[str] | None:
        """Target texts in the order of this epoch's batches; None where targets are not texts."""

    def state_dict(self) -> dict[str, Any]:
        """Where the epoch stands."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` stood."""


class Part(Protocol):
    """One split of a data set, encoded."""

    def __len__(self) -> int:
        """Number of examples, or tokens of a stream."""

    def loader(
        self, batch_size: int, *, shuffle: bool, seed: int, rank: int, world_size: int
    ) -> Loader:
        """Batches for the process `rank` of `world_size`."""


class SequenceData(LightningDataModule, ABC):
    """Splits, vocabularies and loaders of one data set.

    A subclass gives `spec` and `examples`; its constructor takes keyword-only options alone.
    Nothing is read before the first of `spec` or `examples` is called.

    Args:
        batch_size: Sequences in a batch.
        seed: Decides the order of training batches, and what a generator generates.

    Attributes:
        kind: What its targets are; a task must declare the same.
    """

    kind: ClassVar[Kind]

    def __init__(self, *, batch_size: int, seed: int) -> None:
        super().__init__()
        at_least("batch_size", batch_size, 1)
        at_least("seed", seed, 0)
        self.batch_size = batch_size
        self.seed = seed

    @abstractmethod
    def spec(self) -> Spec:
        """Sizes and vocabularies, from the training data."""

    @abstractmethod
    def examples(self, split: Split) -> Part:
        """One split, encoded; an empty one is a DataError that names it."""

    def add_words(self, words: Sequence[str], *, lower_fallback: bool) -> None:
        """Extend the source vocabulary by words whose vectors are known from elsewhere.

        To be called before `spec` and `examples`. Data whose inputs are not words ignores it.
        """

    def use_characters(self) -> None:
        """Give the letters of the words as well, in the batches and their alphabet in the spec.

        To be called before `spec` and `examples`.

        Raises:
            ConfigError: The inputs are not words.
        """
        raise ConfigError(f"characters: {type(self).__name__} has no words; choose none")

    def reuse(self, spec: Spec) -> None:
        """Encode with the vocabularies of a trained model instead of making new ones.

        To be called before `examples`; `spec` then returns it.

        Raises:
            DataError: A target of the data is unknown to the model, found when it is read.
        """
        raise DataError(f"{type(self).__name__} cannot take the vocabulary of a checkpoint")

    def checksums(self) -> dict[str, str]:
        """sha256 of each file read, by its path below the data root; empty for generators."""
        return {}

    def transfer_batch_to_device(
        self, batch: Batch, device: torch.device, dataloader_idx: int
    ) -> Batch:
        """Move a batch; to a GPU from page-locked memory, so that nobody waits for the copy."""
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
        return self.examples(split).loader(
            self.batch_size,
            shuffle=split == "train",
            seed=self.seed,
            rank=0 if trainer is None else trainer.global_rank,
            world_size=1 if trainer is None else trainer.world_size,
        )


def at_least(option: str, value: int, smallest: int) -> None:
    """Refuse a number that is too small.

    Raises:
        ConfigError: Names the option, the value and the smallest one allowed.
    """
    if value < smallest:
        raise ConfigError(f"data.{option}: {value} is too small, the least is {smallest}")
