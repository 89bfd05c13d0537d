"""Several processes that train one model, as torchrun starts them, forked from the test's own."""

import multiprocessing
import os
import socket
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rnnlab.cli import main


def free_port() -> int:
    """A port that nothing listens to."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def together(count: int, *words: object, cwd: Path, **environment: str) -> list[int]:
    """Run the program in `count` processes, each with its output in `rank_N.txt`; the exit codes.

    Args:
        count: How many.
        words: The command line.
        cwd: Their working directory.
        environment: Of all of them; "{rank}" in a value is the process' number.
    """
    return wait(begin(count, *words, cwd=cwd, **environment))


def begin(count: int, *words: object, cwd: Path, **environment: str) -> list[Any]:
    """The same, without waiting for their end."""
    context = multiprocessing.get_context("fork")
    port = str(free_port())
    started = []
    for rank in range(count):
        variables = {
            "TORCHELASTIC_RUN_ID": "test",
            "RANK": str(rank),
            "LOCAL_RANK": str(rank),
            "WORLD_SIZE": str(count),
            "LOCAL_WORLD_SIZE": str(count),
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": port,
            "OMP_NUM_THREADS": "1",
        }
        variables |= {key: value.format(rank=rank) for key, value in environment.items()}
        output = cwd / f"rank_{rank}.txt"
        given = cwd, output, variables, list(map(str, words))
        process = context.Process(target=_child, args=given)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # the test's process has threads
            process.start()
        started.append(process)
    return started


def wait(processes: Sequence[Any], seconds: float = 40.0) -> list[int]:
    """Exit codes; of one that does not end in time -9."""
    for process in processes:
        process.join(seconds)
        if process.is_alive():
            process.kill()
            process.join()
    return [process.exitcode for process in processes]


def said(cwd: Path, rank: int = 0) -> str:
    """What a process wrote."""
    return (cwd / f"rank_{rank}.txt").read_text()


def _child(cwd: Path, output: Path, variables: dict[str, str], words: list[str]) -> None:
    warnings.resetwarnings()
    os.chdir(cwd)
    os.environ.update(variables)
    stream = output.open("w", buffering=1)
    os.dup2(stream.fileno(), 1)
    os.dup2(stream.fileno(), 2)
    sys.stdout = sys.stderr = stream
    main(words)
