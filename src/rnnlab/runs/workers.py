"""The processes of a sweep's jobs end with the sweep, however it ends."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

import psutil

GRACE = 60.0
"""Seconds that workers have to save when the sweep is stopped."""

INTERVAL = 1.0
"""Seconds between two looks of a worker at the sweep's process."""

_busy = threading.Lock()  # held by the job that this process runs


@contextmanager
def no_orphans() -> Iterator[None]:
    """In the sweep's process: treat SIGTERM as Ctrl-C, and end the workers with this process."""

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    former = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    except BaseException:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)  # once is enough
        workers = []
        for child in psutil.Process().children(recursive=True):
            with suppress(psutil.NoSuchProcess):  # ended meanwhile
                if "resource_tracker" not in " ".join(child.cmdline()):  # it cleans up, and ends
                    child.terminate()
                    workers.append(child)
        for worker in psutil.wait_procs(workers, timeout=GRACE)[1]:
            worker.kill()
        raise
    finally:
        signal.signal(signal.SIGTERM, former)


@contextmanager
def working() -> Iterator[None]:
    """In a worker: for the time of a job.

    From the first job on, the worker ends when the sweep's process has ended without a chance to
    stop it (`kill -9`): a training saves its state first, as after a SIGTERM. In the sweep's own
    process nothing is watched.
    """
    parent = multiprocessing.parent_process()
    if parent is not None and parent.pid is not None:
        _watch(parent.pid)
    with _busy:
        yield


@cache
def _watch(parent: int) -> None:
    threading.Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: int) -> None:
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(parent)
        while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
            time.sleep(INTERVAL)
    os.kill(os.getpid(), signal.SIGTERM)  # ends what does not train at once
    _busy.acquire(timeout=GRACE)
    os._exit(130)
