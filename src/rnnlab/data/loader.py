"""What Lightning takes for a data loader: batches that can go on in the middle of an epoch."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

from rnnlab.data.batch import Batch
from rnnlab.errors import CheckpointError


@dataclass(eq=False)
class Loader(ABC):
    """Batches of a split for one process, made without workers.

    Attributes:
        data: The split.
        batch_size: Sequences in a batch.
        shuffle: Whether it is for training.
        seed: Decides the order of training batches, with the epoch.
        rank: This process.
        world_size: Processes that share the split.
        epoch: The epoch whose batches it gives.
        seconds: Time spent on making batches, during which training waited.
    """

    data: Any
    batch_size: int
    _: KW_ONLY
    shuffle: bool
    seed: int
    rank: int = 0
    world_size: int = 1

    def __post_init__(self) -> None:
        self.batch_sampler = None  # Lightning looks for it wherever there is a sampler
        self.epoch = 0
        self.seconds = 0.0
        self._next = 0  # batches handed out in the current epoch
        self._resumed = False

    @property
    def sampler(self) -> Self:
        """Where Lightning sets the epoch."""
        return self

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; Lightning calls it before each one."""
        self.epoch = epoch

    @abstractmethod
    def __len__(self) -> int:
        """Batches an epoch."""

    @abstractmethod
    def plan(self) -> Sequence[Any]:
        """What each batch of this epoch is made of."""

    @abstractmethod
    def make(self, item: Any) -> Batch:
        """The batch of one item of `plan`."""

    def reference_texts(self) -> list[str] | None:
        """Target texts in the order of this epoch's batches; None where targets are not texts."""
        return None

    def __iter__(self) -> Iterator[Batch]:
        """The batches of the epoch; after `load_state_dict` the rest of them."""
        if not self._resumed:
            self._next = 0
        self._resumed = False
        asked = time.perf_counter()
        plan = self.plan()
        while self._next < len(plan):
            item = plan[self._next]
            self._next += 1
            batch = self.make(item)
            self.seconds += time.perf_counter() - asked
            yield batch
            asked = time.perf_counter()

    def state_dict(self) -> dict[str, Any]:
        """The epoch, the number of batches handed out, and that of all, by how many processes."""
        counts = {"batches": len(self), "processes": self.world_size}
        return {"epoch": self.epoch, "next": self._next, **counts}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue where `state_dict` was taken.

        Raises:
            CheckpointError: That was within an epoch, which another number of processes shared.
        """
        self.epoch = state["epoch"]
        self._next = state["next"]
        processes = state.get("processes", self.world_size)  # versions up to 0.2 do not say
        if processes != self.world_size:
            if self._next < state["batches"]:
                raise CheckpointError(
                    f"resume: the checkpoint is of step {self._next:,} of the {state['batches']:,} "
                    f"of an epoch shared by {processes} processes, and {self.world_size} cannot "
                    f"share the rest; continue with {processes} (trainer.devices, "
                    "trainer.num_nodes), or change their number at the end of an epoch"
                )
            self._next = len(self)
        self._resumed = self._next < len(self)
