"""A worker of a sweep: takes jobs from the ledger, one after the other, until none is left.

    python -m rnnlab.runs.worker SWEEP_FOLDER [--parent PID]

The configuration of a job comes from the ledger, checked; nothing is composed again (a search
composes a trial when a worker draws it).
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil

from rnnlab.config.command_line import use_current_folder
from rnnlab.errors import FULL, RnnlabError, described, printable
from rnnlab.runs.ledger import BEAT, Ledger
from rnnlab.runs.search import draw
from rnnlab.runs.sweep_job import Job
from rnnlab.training.signals import say, stop_signals

GRACE = 60.0
"""Seconds that a worker has to save when it is stopped."""

POLL = 1.0
"""Seconds between two looks for a job that has become free, or for the parent."""

Execute = Callable[[Ledger, Job], dict[str, Any]]
"""Does a job; its result: status, score, test metrics, reason."""


def work(folder: Path, execute: Execute | None = None, *, wait: bool = True) -> None:
    """Do jobs of a sweep until there is none left.

    Args:
        folder: The sweep's folder.
        execute: What a job does; None for training.
        wait: Whether to stay while others work, to take up the job of one that is lost.

    Raises:
        KeyboardInterrupt: A signal to stop; the job at hand is saved and free for others.
        OSError: The disk is full; the job at hand is free for others.
    """
    if execute is None:
        from rnnlab.runs.job import train_job

        execute = train_job
    folder = folder.absolute()
    ledger = Ledger.open(folder)
    began = Path(str(ledger.plan["cwd"]))
    with chdir(began if began.is_dir() else Path.cwd()):
        use_current_folder({"trust": ledger.plan["trust"]})
        for job in _jobs(ledger, wait=wait):
            _do(ledger, job, execute)


def _jobs(ledger: Ledger, *, wait: bool) -> Iterator[Job]:
    while True:
        job = ledger.claim() or draw(ledger)
        if job is not None:
            yield job
        elif not wait or all(entry.state != "running" for entry in ledger.entries()):
            return
        else:
            time.sleep(POLL)


def _do(ledger: Ledger, job: Job, execute: Execute) -> None:
    try:
        with _beating(ledger, job):
            result = execute(ledger, job)
    except KeyboardInterrupt:
        ledger.finish(job, {"status": "interrupted"})
        raise
    except Exception as error:
        if isinstance(error, OSError) and error.errno in FULL:  # not the job's fault
            ledger.finish(job, {"status": "interrupted"})
            raise
        reason = " ".join(str(error).split()) or type(error).__name__
        ledger.finish(job, {"status": "failed", "reason": reason})
        print(f"failed     {printable(reason)} | job {job.number}", flush=True)
        if not isinstance(error, RnnlabError | OSError):
            raise
        return
    ledger.finish(job, result)
    if result["status"] == "interrupted":
        raise KeyboardInterrupt


@contextmanager
def _beating(ledger: Ledger, job: Job) -> Iterator[None]:
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(BEAT):
            with suppress(Exception):  # the next one may come through
                ledger.beat(job)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def end_with(parent: int) -> None:
    """Let this process save and end when another one has ended, however it did."""

    def watch() -> None:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(parent)
            while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                time.sleep(POLL)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(GRACE)
        os._exit(130)

    threading.Thread(target=watch, daemon=True).start()


def interrupt(number: int, _: Any) -> None:
    """Handle a signal as Ctrl-C."""
    if number == signal.SIGHUP:
        say("\nstopping: the terminal was closed")
    raise KeyboardInterrupt


def main(words: list[str]) -> int:
    """Work as a process of its own; the exit code: 0 nothing is left, 130 stopped."""
    folder, *rest = words
    for number in stop_signals():
        signal.signal(number, interrupt)
    if rest:
        end_with(int(rest[1]))
    try:
        work(Path(folder))
    except KeyboardInterrupt:
        return 130
    except (RnnlabError, OSError) as error:
        text = described(error) if isinstance(error, OSError) else str(error)
        print(f"rnnlab: {printable(text)}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
