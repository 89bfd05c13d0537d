"""The process that works on a job: which it is, and whether it is still there."""

import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import psutil

SILENCE = 60.0
"""Seconds without a heartbeat after which a worker of another machine counts as gone."""


class Watch:
    """Tells whether the workers of jobs are alive.

    One of this machine is, as long as its process is there. One of another machine is, as long as
    its heartbeats change by the clock of this one.
    """

    def __init__(self) -> None:
        self._beats: dict[int, tuple[int | None, float]] = {}

    def alive(self, number: int, run: Mapping[str, Any]) -> bool:
        """Whether a job still has its worker."""
        if run["host"] == socket.gethostname():
            return bool(_started(run["pid"]) == run["started"])
        now = time.monotonic()
        beat, since = self._beats.get(number, (None, now))
        if beat != run["beat"]:
            beat, since = run["beat"], now
        self._beats[number] = (beat, since)
        return now - since < SILENCE


def owned(run: Mapping[str, Any]) -> dict[str, Any]:
    """Of a job that this process works on."""
    me = os.getpid()
    mine = {"host": socket.gethostname(), "pid": me, "started": _started(me), "beat": 0}
    return {**run, **mine, "status": "running"}


def _started(pid: int) -> float | None:
    """When a process began; None where there is none, or it has ended."""
    with suppress(psutil.NoSuchProcess):
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:
            return float(process.create_time())
    return None
