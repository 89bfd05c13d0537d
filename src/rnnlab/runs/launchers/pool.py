"""Several workers at the same time, on any engine."""

import sys
import time
from abc import abstractmethod
from pathlib import Path
from typing import Protocol

from rnnlab.errors import ConfigError
from rnnlab.runs.launchers.base import Launcher
from rnnlab.runs.ledger import Ledger
from rnnlab.runs.sweep_job import LEFT
from rnnlab.runs.worker import GRACE

WORKER = (sys.executable, "-m", "rnnlab.runs.worker")
"""The command of a worker, before the sweep's folder."""

TRIES = 3
"""Workers in each place that may fail while nothing gets done."""


class Worker(Protocol):
    """A worker that was started; a `subprocess.Popen` is one."""

    def poll(self) -> int | None:
        """Its exit code; None while it is at work, or waits for a machine."""

    def terminate(self) -> None:
        """Let it save and end."""

    def kill(self) -> None:
        """End it at once."""


class Pool(Launcher):
    """Keeps as many workers as there are places and jobs, and replaces those that are lost."""

    max_parallel: int

    @abstractmethod
    def start(self, folder: Path, place: int) -> Worker:
        """Start a worker of a sweep; `place` counts from 0 below `max_parallel`."""

    def close(self) -> None:
        """Give back what was taken for all workers."""

    def run(self, folder: Path) -> None:
        """See `Launcher`."""
        workers: dict[int, Worker] = {}
        ledger, failures, before = Ledger.open(folder), 0, -1
        try:
            while True:
                for place, worker in list(workers.items()):
                    code = worker.poll()
                    if code is not None:
                        del workers[place]
                        failures += code != 0
                jobs = left(ledger)
                if jobs != before:
                    failures, before = 0, jobs
                hopeless = failures >= TRIES * self.max_parallel
                if not workers and (hopeless or not jobs):
                    break
                for place in range(min(self.max_parallel, jobs)):
                    if place not in workers and not hopeless:
                        workers[place] = self.start(folder, place)
                time.sleep(0.3)
        except BaseException:
            stop(list(workers.values()))
            raise
        finally:
            self.close()
        if jobs:
            raise ConfigError("launcher: workers end without doing a job; see their output")


def left(ledger: Ledger) -> int:
    """How many jobs have something to do: those of a grid, or trials that are still to be drawn."""
    entries = ledger.entries()
    to_draw = max(0, (ledger.plan["sweep"]["n_trials"] or 0) - len(entries))
    return to_draw + sum(entry.state in LEFT for entry in entries)


def stop(workers: list[Worker]) -> None:
    """Let workers save and end; those that take too long are killed."""
    for worker in workers:
        if worker.poll() is None:
            worker.terminate()
    until = time.monotonic() + GRACE
    while time.monotonic() < until and any(worker.poll() is None for worker in workers):
        time.sleep(0.1)
    for worker in workers:
        if worker.poll() is None:
            worker.kill()
