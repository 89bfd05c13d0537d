"""How often the host waits for the device, and where."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from gpu.device import Setting

WAITS = ("cudaStreamSynchronize", "cudaEventSynchronize", "Memcpy DtoH")
"""What a profiler calls it. Not cudaDeviceSynchronize: the profiler does that itself."""


@contextmanager
def watched() -> Iterator[list[str]]:
    """Places (file:line) of operations inside that wait, as torch's own debug mode reports them."""
    places: list[str] = []
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield places
        finally:
            torch.cuda.set_sync_debug_mode(before)
    places += [place(each) for each in caught if is_wait(each)]


def is_wait(warning: warnings.WarningMessage) -> bool:
    """Whether it is one of the debug mode's."""
    return "called a synchronizing" in str(warning.message)


def place(warning: warnings.WarningMessage) -> str:
    """The line of Python that waited."""
    return f"{Path(warning.filename).name}:{warning.lineno}"


def counter_counts(setting: Setting) -> bool:
    """Whether an operation that waits is noticed, three times out of three."""
    ones = torch.ones(3, device=setting.device)
    with watched() as places:
        for _ in range(3):
            ones.sum().item()
    return len(places) == 3


def profiled(setting: Setting, work: Callable[[], object]) -> dict[str, int]:
    """How many of `WAITS` a profiler sees while the work is done."""
    setting.wait()
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as found:
        work()
    counts = dict.fromkeys(WAITS, 0)
    for event in found.events():
        for name in WAITS:
            counts[name] += event.name.startswith(name)
    return {name: count for name, count in counts.items() if count}
