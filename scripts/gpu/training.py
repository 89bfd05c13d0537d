"""Training steps of the benchmark's tasks: how fast, how much memory, and does anyone wait?"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import torch
from torch import nn

from gpu.device import Setting, lower, tf32
from gpu.report import Part
from gpu.tasks import Made, makers
from gpu.waiting import counter_counts, profiled, watched
from rnnlab.data.batch import Batch

PRECISIONS = {
    "float32": (torch.float32, "auto"),
    "bfloat16": (torch.bfloat16, "auto"),
    "bfloat16, cells too": (torch.bfloat16, "bf16"),
}
"""Autocast, and what the cells compute in."""


@dataclass
class Steps:
    """A hand-written training loop over a task, without waiting anywhere.

    Attributes:
        made: Encoder, task and data, on their device.
        tokens: Real source tokens so far.
    """

    made: Made
    setting: Setting
    dtype: torch.dtype
    tokens: int = 0
    loss: torch.Tensor | None = None
    _batches: Iterator[Batch] = field(init=False)

    def __post_init__(self) -> None:
        parts = nn.ModuleList([self.made.encoder, self.made.task]).to(self.setting.device)
        self._parameters = list(parts.parameters())
        self._optimizer = torch.optim.Adam(self._parameters, fused=True)
        self._batches = self._endless()

    def _endless(self) -> Iterator[Batch]:
        while True:
            yield from self.made.loader()

    def run(self, count: int) -> None:
        """Make some steps: forward, backward, clipping, optimiser."""
        for _ in range(count):
            batch = next(self._batches)
            self.tokens += batch.tokens
            if self.setting.cuda:
                batch = batch.pin_memory()
            batch = batch.to(self.setting.device, non_blocking=True)
            with lower(self.setting.device, self.dtype):
                encoded = self.made.encoder(batch.inputs, batch.lengths, batch.words)
                loss = self.made.task.loss(encoded, batch)
            self._optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(self._parameters, 5.0)
            self._optimizer.step()
            self.loss = loss.detach()


def measure_training(setting: Setting) -> Part:
    """Step time and tokens a second of each task; on a GPU, waits and memory as well."""
    part = setting.part(
        "Training steps",
        ("task", "precision", "step ms", "tokens/s", "waits a step", "profiled", "peak MiB"),
        "Whole training steps on generated data with the lengths of IMDb (batch 64), CoNLL-2003 "
        "(32) and Multi30k (64), batches made and copied to the device within; fused Adam, norms "
        "clipped. float32 with TF32; bfloat16 is autocast, which leaves the cells in float32. "
        "Waits: operations for which the host waits, as torch's debug mode counts them, and as a "
        "profiler sees them. Right: none, and a finite loss.",
    )
    if not setting.cuda:
        part.skipped.append("waits and peak memory: there is no GPU")
    elif not counter_counts(setting):
        part.failures.append("the counter of waits does not notice one")
    warm, count = (1, 2) if setting.small else (10, 50 if setting.cuda else 5)
    with tf32(True):
        for name, make in makers(setting.small).items():
            for precision, (dtype, cells) in PRECISIONS.items():
                torch.manual_seed(1)
                steps = Steps(make(precision=cells), setting, dtype)
                _measure(part, [name, precision], steps, warm, count)
    return part


def _measure(part: Part, row: list[str], steps: Steps, warm: int, count: int) -> None:
    setting = steps.setting
    if setting.cuda:
        torch.cuda.reset_peak_memory_stats(setting.device)
    steps.run(warm)
    before = steps.tokens
    seconds = setting.seconds(lambda: steps.run(count))
    tokens = (steps.tokens - before) / seconds
    waits, seen, peak = None, None, None
    if setting.cuda:
        peak = torch.cuda.max_memory_allocated(setting.device) / 2**20
        waits, seen = count_waits(part, ", ".join(row), setting, steps.run)
    part.rows.append([*row, 1e3 * seconds / count, int(tokens), waits, seen, peak])
    if steps.loss is None or not bool(torch.isfinite(steps.loss)):
        part.failures.append(f"{', '.join(row)}: the loss is not finite")


def count_waits(
    part: Part, name: str, setting: Setting, run: Callable[[int], None], count: int = 10
) -> tuple[float, str]:
    """Waits a step of warm training, counted twice; those that there are become failures."""
    setting.wait()
    with watched() as places:
        run(count)
    for where, times in Counter(places).items():
        part.failures.append(f"{name}: waits at {where}, {times} times in {count} steps")
    seen = profiled(setting, lambda: run(count))
    for kind, times in seen.items():
        part.failures.append(f"{name}: a profiler sees {times} {kind} in {count} steps")
    return len(places) / count, f"{sum(seen.values()) / count:g}"
