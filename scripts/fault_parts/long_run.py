"""A long training with all instruments: what it holds and writes does not grow beyond a bound."""

import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import NamedTuple

import psutil

from fault_parts.kills import Unit
from fault_parts.program import Fault, Program

MEGABYTES = 32.0
"""That memory may grow from the second to the last quarter of the steps."""

BYTES_A_STEP = 320.0
"""Of event files."""

WORDS = (
    *("train", "task=delayed_recall", "data.lag=5", "data.batch_size=16", "data.val_size=64"),
    *("data.test_size=64", "cell.hidden_size=8", "embedding.embedding_dim=4", "diagnostics=full"),
    *("trainer.max_epochs=-1", "trainer.enable_progress_bar=false", "trainer.accelerator=cpu"),
)


class Sample(NamedTuple):
    """What a process holds: megabytes of its own, handles, threads."""

    memory: float
    handles: int
    threads: int


def units(steps: int) -> Iterator[Unit]:
    """One run of so many steps."""
    yield f"long/{steps}", partial(long_run, steps)


def long_run(steps: int, folder: Path) -> dict[str, float]:
    """Train, and look at the process.

    Raises:
        Fault: Something grows.
    """
    size = f"data.train_size={min(16000, 4 * steps)}"
    words = [*WORDS, size, f"trainer.max_steps={steps}", f"hydra.run.dir={folder / 'run'}"]
    program, samples = Program(words, folder), list[Sample]()
    process = psutil.Process(program.process.pid)
    while not program.ended():
        try:
            handles, threads = process.num_fds(), process.num_threads()
            samples.append(Sample(process.memory_full_info().uss / 2**20, handles, threads))
        except psutil.Error:
            break
        time.sleep(min(5.0, steps / 5000))
    if program.code() != 0:
        raise Fault(f"{program}: {program.said[-1500:]}")
    quarter = len(samples) // 4
    before, after = samples[quarter : 2 * quarter], samples[3 * quarter : -1]
    growth = median(s.memory for s in after) - median(s.memory for s in before)
    handles = max(s.handles for s in after) - max(s.handles for s in before)
    threads = max(s.threads for s in after) - max(s.threads for s in before)
    written = sum(f.stat().st_size for f in (folder / "run").glob("events*")) / steps
    figures = {"memory grows by MB": growth, "event bytes a step": written}
    if growth > MEGABYTES or written > BYTES_A_STEP or handles > 0 or threads > 0:
        raise Fault(f"{figures}, handles by {handles}, threads by {threads}")
    return {"steps": steps, "handles more": handles, "threads more": threads, **figures}
