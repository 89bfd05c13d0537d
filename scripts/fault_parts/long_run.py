"""A long training with all instruments: what it holds and writes does not grow beyond a bound."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import psutil
from lightning import Callback, Trainer

import rnnlab
from fault_parts.kills import Unit
from fault_parts.program import Fault, Program

MEGABYTES = 48.0
"""That memory may grow from the second to the last quarter of the steps; figures need 25, once."""

HANDLES = 2
"""That may be opened later: matplotlib keeps two fonts open."""

MORE = 1.2
"""Times the bytes a step of event files in the second quarter, that the last one may write."""

PICTURES = 256 * 1024
"""Bytes that pictures, drawn a few times in a run, may add to a quarter."""

WORDS = (
    *("task=delayed_recall", "data.lag=5", "data.batch_size=16", "data.val_size=64"),
    *("data.test_size=64", "cell.hidden_size=8", "embedding.embedding_dim=4", "diagnostics=full"),
    *("trainer.max_epochs=-1", "trainer.enable_progress_bar=false", "trainer.accelerator=cpu"),
)


class Sample(NamedTuple):
    """A process after so many steps: megabytes, handles, threads, bytes of events."""

    step: int
    memory: float
    handles: int
    threads: int
    events: int


class Watch(Callback):
    """Looks at the process every few steps.

    Args:
        every: Steps.
        folder: Of the run.
    """

    def __init__(self, every: int, folder: Path) -> None:
        self.every, self.folder = every, folder
        self.samples: list[Sample] = []

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Look."""
        if trainer.global_step % self.every == 0:
            one = psutil.Process()
            size = sum(file.stat().st_size for file in self.folder.glob("events*"))
            held = one.memory_info().rss / 2**20, one.num_fds(), one.num_threads()
            self.samples.append(Sample(trainer.global_step, *held, size))


def units(steps: int) -> Iterator[Unit]:
    """One run of so many steps."""
    yield f"long/{steps}", partial(long_run, steps)


def watched(words: list[str]) -> None:
    """Train, and leave what was seen beside the run."""
    steps, folder, *more = words
    watch = Watch(int(steps) // 200, Path(folder))
    rnnlab.train(*more, callbacks=[watch], folder=folder)
    Path(folder).with_suffix(".json").write_text(json.dumps(watch.samples))


def long_run(steps: int, folder: Path) -> dict[str, float]:
    """Train, and look at the process.

    Raises:
        Fault: Something grows.
    """
    size = f"data.train_size={min(16000, 2 * steps)}"  # many epochs
    words = [steps, folder / "run", *WORDS, size, f"trainer.max_steps={steps}"]
    program = Program(words, folder, does=watched)
    if program.code(seconds=7200.0) != 0:
        raise Fault(f"{program}: {program.said[-1500:]}")
    samples = [Sample(*each) for each in json.loads((folder / "run.json").read_text())]
    quarter = len(samples) // 4
    before, after = samples[quarter : 2 * quarter], samples[3 * quarter :]
    growth = median(s.memory for s in after) - median(s.memory for s in before)
    handles = int(median(s.handles for s in after) - median(s.handles for s in before))
    threads = int(median(s.threads for s in after) - median(s.threads for s in before))
    written = [part[-1].events - part[0].events for part in (before, after)]
    taken = [part[-1].step - part[0].step for part in (before, after)]
    allowed = MORE * written[0] / taken[0] * taken[1] + PICTURES
    figures = {
        "memory MB": max(s.memory for s in samples),
        "memory grows by MB": growth,
        "event bytes a step": written[1] / taken[1],
        "of the second quarter": written[0] / taken[0],
    }
    if growth > MEGABYTES or written[1] > allowed or handles > HANDLES or threads > 0:
        raise Fault(f"{figures}, handles by {handles}, threads by {threads}")
    return {"steps": steps, "handles more": handles, "threads more": threads, **figures}
