"""The device under test: its name, its clock, its memory, its precision."""

import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch.utils.benchmark import timer

from gpu.report import Part


@dataclass(frozen=True)
class Setting:
    """Where and how thoroughly to check.

    Attributes:
        device: Under test.
        small: Sizes of a test of this program: seconds on a CPU, and no figure means anything.
        budget: Seconds for each comparison of times.
        parts: What was begun, so that a part that does not come to its end is reported as well.
    """

    device: torch.device
    small: bool
    budget: float
    parts: list[Part] = field(default_factory=list)

    def part(self, title: str, columns: tuple[str, ...], note: str = "") -> Part:
        """Begin a part of the report."""
        self.parts.append(Part(title, columns, note))
        return self.parts[-1]

    @property
    def cuda(self) -> bool:
        """Whether there is a GPU to ask."""
        return self.device.type == "cuda"

    def wait(self) -> None:
        """Until the device has done all it was given."""
        if self.cuda:
            torch.cuda.synchronize(self.device)

    def seconds(self, work: Callable[[], object]) -> float:
        """Time of the work, from an idle device to an idle device."""
        start = timer()
        work()
        return timer() - start


def machine(setting: Setting) -> dict[str, str]:
    """Names and versions."""
    name = platform.processor() or platform.machine()
    found = {"device": f"CPU ({name})", "torch": torch.__version__}
    if setting.cuda:
        properties = torch.cuda.get_device_properties(setting.device)
        found["device"] = properties.name
        found["memory"] = f"{properties.total_memory / 2**30:.0f} GiB"
        found["multiprocessors"] = str(properties.multi_processor_count)
        found["CUDA"] = str(torch.version.cuda)
        found["cuDNN"] = str(torch.backends.cudnn.version())
    found["python"] = platform.python_version()
    found["threads"] = str(torch.get_num_threads())
    found["date"] = time.strftime("%Y-%m-%d")
    if setting.small:
        found["note"] = "small sizes: a test of the program, not of the device"
    return found


@contextmanager
def tf32(allowed: bool) -> Iterator[None]:
    """TensorFloat-32 in products and in cuDNN, or full float32."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before


def lower(device: torch.device, dtype: torch.dtype) -> torch.autocast:
    """Autocast to a lower precision; none for float32 and float64."""
    amp = dtype in (torch.bfloat16, torch.float16)
    return torch.autocast(device.type, dtype=dtype if amp else torch.bfloat16, enabled=amp)
