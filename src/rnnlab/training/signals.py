"""Signals that ask a process to save and end."""

import os
import signal
import sys
from contextlib import suppress


def stop_signals() -> list[signal.Signals]:
    """Ctrl-C, SIGTERM, and SIGHUP of a terminal that is closed: not where `nohup` ignores it."""
    ignored = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    return [signal.SIGINT, signal.SIGTERM, *([] if ignored else [signal.SIGHUP])]


def say(text: str) -> None:
    """Print; where the terminal is gone this and all that follows go nowhere, and nothing fails."""
    try:
        print(text, flush=True)
    except OSError:
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError):  # it may be no file
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
