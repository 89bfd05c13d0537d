"""The program in processes of its own, which start in milliseconds: what they import is there."""

import contextlib
import multiprocessing
import os
import signal
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from rnnlab.cli import main

SECONDS = 120.0
"""A process that takes longer hangs."""


@cache
def _server() -> Any:
    os.environ["PYTHONPATH"] = os.pathsep.join(sys.path)  # the server knows no other
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["fault_parts.warm"])
    return context


class Fault(Exception):  # noqa: N818 - what the harness looks for, not an error of its own
    """What must not happen has happened."""


class Program:
    """A process of the program, or of a function, in a session of its own.

    Args:
        words: The command line; or what the function is given.
        folder: Its working directory.
        variables: Of its environment, beside those of this process.
        does: A function of a module, instead of the command line.
    """

    def __init__(
        self,
        words: Sequence[object],
        folder: Path,
        variables: dict[str, str] | None = None,
        does: Callable[[list[str]], None] = main,
    ) -> None:
        self.words = [str(word) for word in words]
        self.output = folder / f"said_{time.monotonic_ns()}.txt"
        given = (does, self.words, folder, self.output, variables or {})
        self.process: Any = _server().Process(target=_child, args=given)
        self.process.start()

    @property
    def said(self) -> str:
        """What it wrote, errors included."""
        return self.output.read_text() if self.output.exists() else ""

    @property
    def line(self) -> str:
        """The last line that it wrote."""
        return next(reversed(self.said.strip().splitlines()), "")

    def ended(self) -> bool:
        """Whether it has."""
        return not self.process.is_alive()

    def code(self, seconds: float = SECONDS) -> int:
        """Wait for its end; the exit code, of one that a signal ended its number below 0.

        Raises:
            Fault: It hangs, or shows a traceback.
        """
        self.process.join(seconds)
        if self.process.is_alive():
            self.kill()
            raise Fault(f"{self}: more than {seconds:.0f} s")
        if "Traceback (most recent call last)" in self.said:
            raise Fault(f"{self}: a traceback\n{self.said[-3000:]}")
        return int(self.process.exitcode)

    def send(self, number: int) -> None:
        """Send a signal, if it is still there."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.process.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()
        self.process.join()

    def __str__(self) -> str:
        return f"rnnlab {' '.join(self.words)}"[:300]


def rnnlab(
    *words: object, folder: Path, code: int = 0, seconds: float = SECONDS, **variables: str
) -> Program:
    """The program, to its end.

    Raises:
        Fault: It ends with another exit code.
    """
    program = Program(words, folder, variables)
    found = program.code(seconds)
    if found != code:
        raise Fault(f"{program}: exit code {found}, not {code}: {program.said[-1500:]}")
    program.output.unlink()
    return program


def _child(does, words, folder, output, variables) -> None:
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.chdir(folder)
    os.environ.update(variables)
    stream = output.open("w", buffering=1)
    for number in (1, 2):
        os.dup2(stream.fileno(), number)
    sys.stdout = sys.stderr = stream
    warnings.simplefilter("ignore")
    does(words)
