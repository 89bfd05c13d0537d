"""One of the processes that train one model is killed: the other ends, and both go on."""

import random
import socket
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from fault_parts.kills import Unit
from fault_parts.program import Fault, Program
from fault_parts.runs import compare, words_of

SECONDS = 60.0
"""That the other process may take to end."""

DDP = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2")


def units(count: int) -> Iterator[Unit]:
    """So many kills of one of two processes."""
    for number in range(count):
        yield f"ranks/{number}", partial(lost, number)


def start(words: Sequence[str], folder: Path) -> list[Program]:
    """Two processes, as torchrun starts them."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    place = {"TORCHELASTIC_RUN_ID": "faults", "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
    place |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    ranks = ({"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(2))
    return [Program(words, folder, place | rank) for rank in ranks]


def finish(words: Sequence[str], folder: Path) -> None:
    """Two processes, to their end."""
    for program in start(words, folder):
        if program.code() != 0:
            raise Fault(f"{program}: {program.said[-1500:]}")


def lost(seed: int, folder: Path) -> dict[str, float]:
    """Kill one of two processes at a random moment after the first checkpoint.

    Raises:
        Fault: The other does not end with one line; or the run is not in the end as if nothing had
            happened.
    """
    rng, run = random.Random(seed), folder / "run"
    words = [*words_of("memory", folder.parent), *DDP, "diagnostics=off"]
    words = list(dict.fromkeys(words))
    finish([*words, f"hydra.run.dir={folder / 'whole'}"], folder)
    programs = start([*words, f"hydra.run.dir={run}"], folder)
    while not (run / "checkpoints/last.ckpt").exists() and not programs[0].ended():
        time.sleep(0.01)
    time.sleep(rng.uniform(0.0, 0.3))
    victim, other = programs if seed % 2 else reversed(programs)
    victim.kill()
    began = time.monotonic()
    code = other.code(SECONDS)
    if code == 0:  # it was over
        return {"too late": 1}
    if code != 2 or not other.line.startswith("rnnlab: another process of this run has ended"):
        raise Fault(f"{other}: exit code {code}: {other.said[-1500:]}")
    seconds = time.monotonic() - began
    finish(["train", f"resume={run}"], folder)
    compare(run, folder / "whole")
    return {"killed": 1, "equal": 1, "seconds until the other ended": seconds}
