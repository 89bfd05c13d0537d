"""What the processes of one training tell each other."""

from dataclasses import replace
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

from rnnlab.data.batch import Batch

T = TypeVar("T")


def several() -> bool:
    """Whether this process trains together with others."""
    together = distributed.is_available() and distributed.is_initialized()
    return together and distributed.get_world_size() > 1


def gather(mine: T) -> list[T]:
    """What every process has, in the order of their ranks; all have to call it."""
    if not several():
        return [mine]
    everyone: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(everyone, mine)
    return everyone


def is_lost(error: BaseException) -> bool:
    """Whether an error says that another process is not there any more.

    torch has classes for NCCL's errors; those of gloo are told by their text.
    """
    if isinstance(error, distributed.DistError):
        return True
    return isinstance(error, RuntimeError) and "gloo" in str(error)


class UnitShare:
    """A process' share of the targets that all processes learn from in a step.

    The gradients' mean over processes is that of the mean over all targets only where each loss is
    weighed by them. They are summed up while the step goes on, on the device: no host waits.

    Args:
        units: Targets of this process' batch.
        device: Where the losses are.
    """

    def __init__(self, units: int | Tensor, device: torch.device) -> None:
        self.units = torch.as_tensor(units, dtype=torch.float32)
        if self.units.device != device:  # a number: no copy that would wait
            self.units = torch.full((), float(units), device=device)
        self._total = self.units.clone()
        self._work = distributed.all_reduce(self._total, async_op=True)

    def usable(self, batch: Batch) -> Batch:
        """A batch without any target with some, for its loss is no number: it weighs nothing."""
        return replace(batch, target=torch.where(self.units > 0, batch.target, 0))

    def weigh(self, loss: Tensor) -> Tensor:
        """The loss, so that the processes' mean gradient is that of the mean over all targets."""
        self._work.wait()  # of a GPU: its stream waits, not the host
        return loss * (self.units * distributed.get_world_size() / self._total)


class Flags:
    """Yes or no of any process, known to all at the same step, without waiting for a device.

    Of several processes each tells its answers at the end of a step, and all know at the end of
    the next one whether any said yes: they talk while the step goes on, from host to host (gloo).
    """

    def __init__(self) -> None:
        self._group: Any = None
        self._pending: tuple[Any, Tensor] | None = None

    def exchange(self, *mine: bool) -> list[bool]:
        """Whether any process said yes one call ago; of one process its answers now."""
        if not several():
            return list(mine)
        if self._group is None:
            self._group = distributed.new_group(backend="gloo")
        before, self._pending = self._pending, None
        known = [False] * len(mine)
        if before is not None:
            work, answers = before
            work.wait()
            known = [bool(answer) for answer in answers.tolist()]
        answers = torch.tensor(mine, dtype=torch.int32)
        work = distributed.all_reduce(
            answers, op=distributed.ReduceOp.MAX, group=self._group, async_op=True
        )
        self._pending = work, answers
        return known
