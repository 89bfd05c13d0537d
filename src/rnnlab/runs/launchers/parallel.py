"""A sweep in several processes of this machine."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

from rnnlab.config.types import NonNegativeInt, PositiveInt
from rnnlab.errors import ConfigError
from rnnlab.runs.launchers.base import Launcher
from rnnlab.runs.ledger import Ledger
from rnnlab.runs.sweep_job import LEFT
from rnnlab.runs.worker import GRACE

WORKER = (sys.executable, "-m", "rnnlab.runs.worker")
"""The command of a worker, before the sweep's folder."""

TRIES = 3
"""Workers that may end one after the other while nothing gets done."""


class Parallel(Launcher):
    """Does jobs side by side, each with processor cores and GPUs of its own.

    Args:
        max_parallel: Jobs at the same time, at most; null for as many as cores and GPUs allow.
        cpus_per_job: Threads of each job.
        gpus_per_job: GPUs of each job; 0 leaves to it what there is.
    """

    def __init__(
        self,
        *,
        max_parallel: PositiveInt | None = None,
        cpus_per_job: PositiveInt = 1,
        gpus_per_job: NonNegativeInt = 0,
    ) -> None:
        self.cpus_per_job = cpus_per_job
        self.gpus_per_job = gpus_per_job
        self.gpus = visible_gpus() if gpus_per_job else []
        if len(self.gpus) < gpus_per_job:
            raise ConfigError(
                f"launcher.gpus_per_job: {gpus_per_job} for each job, but {len(self.gpus)} are here"
            )
        fitting = max(1, len(os.sched_getaffinity(0)) // cpus_per_job)
        if gpus_per_job:
            fitting = min(fitting, len(self.gpus) // gpus_per_job)
            max_parallel = min(max_parallel or fitting, len(self.gpus) // gpus_per_job)
        self.max_parallel = max_parallel or fitting

    def run(self, folder: Path) -> None:
        """See `Launcher`."""
        workers: dict[int, subprocess.Popen[bytes]] = {}
        ledger = Ledger.open(folder)
        idle, before = 0, -1
        try:
            while True:
                for place, process in list(workers.items()):
                    code = process.poll()
                    if code is not None:
                        del workers[place]
                        idle = idle + 1 if code else idle
                open_jobs = left(ledger)
                if open_jobs != before:
                    idle, before = 0, open_jobs
                if not open_jobs and not workers:
                    return
                if idle >= TRIES * self.max_parallel and not workers:
                    raise ConfigError("launcher: workers end without doing a job; see their output")
                for place in range(min(self.max_parallel, open_jobs)):
                    if place not in workers and idle < TRIES * self.max_parallel:
                        workers[place] = self._start(folder, place)
                time.sleep(0.3)
        except BaseException:
            stop(list(workers.values()))
            raise

    def _start(self, folder: Path, place: int) -> subprocess.Popen[bytes]:
        environment = os.environ | {"OMP_NUM_THREADS": str(self.cpus_per_job)}
        if self.gpus_per_job:
            mine = self.gpus[place * self.gpus_per_job :][: self.gpus_per_job]
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(mine)
        # a session of its own: Ctrl-C reaches it through this process alone, once
        return subprocess.Popen(
            [*WORKER, str(folder), "--parent", str(os.getpid())],
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )


def left(ledger: Ledger) -> int:
    """How many jobs have something to do: those of a grid, or trials that are still to be drawn."""
    entries = ledger.entries()
    to_draw = max(0, (ledger.plan["sweep"]["n_trials"] or 0) - len(entries))
    return to_draw + sum(entry.state in LEFT for entry in entries)


def stop(workers: list[subprocess.Popen[bytes]]) -> None:
    """Let workers save and end; those that take too long are killed."""
    for process in workers:
        with suppress(OSError):
            process.send_signal(signal.SIGTERM)
    until = time.monotonic() + GRACE
    for process in workers:
        try:
            process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()


def visible_gpus() -> list[str]:
    """The GPUs that jobs may have, as CUDA_VISIBLE_DEVICES names them."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name for name in given.split(",") if name]
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [str(number) for number, line in enumerate(done.stdout.splitlines()) if line]
