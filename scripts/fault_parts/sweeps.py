"""A sweep that is killed again and again, and goes on."""

import csv
import random
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from fault_parts.kills import Unit
from fault_parts.program import Fault, Program, rnnlab
from fault_parts.runs import words_of
from rnnlab.runs.ledger import Ledger

TINY = ("trainer.max_epochs=1", "data.train_size=96", "data.val_size=32", "data.test_size=32")

SIDE_BY_SIDE = ("launcher=parallel", "launcher.max_parallel=2")


def units(size: tuple[int, int]) -> Iterator[Unit]:
    """A sweep of so many jobs, killed so often; from 100 jobs on with two workers."""
    yield f"sweep/{size[0]}", partial(killed, *size)


def killed(jobs: int, kills: int, folder: Path) -> dict[str, float]:
    """Kill a sweep, one of its workers, or both, at random moments; go on until it is complete.

    Raises:
        Fault: A job is lost, done twice, or has another score than in an undisturbed sweep.
    """
    rng, place = random.Random(jobs), folder / "sweep"
    more = SIDE_BY_SIDE if jobs >= 100 else ()
    changed = {word.partition("=")[0] for word in TINY}
    tiny = [w for w in words_of("memory", folder.parent) if w.partition("=")[0] not in changed]
    words = [tiny[0], "-m", *tiny[1:], *TINY, f"seed=range(0,{jobs})", *more]
    rnnlab(*words, f"hydra.sweep.dir={folder / 'whole'}", folder=folder, seconds=30.0 * jobs)
    program, sent, ledger = Program([*words, f"hydra.sweep.dir={place}"], folder), 0, None
    while not program.ended() or program.code() != 0:
        if program.ended():
            again = ["train", "-m", f"resume={place}"] if ledger else program.words
            program = Program(again, folder)
        if ledger is None and (place / "ledger.db").exists():
            ledger = Ledger.open(place)
        done = sum(e.state == "ended" for e in ledger.entries()) if ledger else 0
        if sent < kills and done >= sent * jobs // (kills + 1) + (sent > 0):
            time.sleep(rng.uniform(0.0, 1.0))
            sent += _kill(program, ("all", "main", "worker")[sent % 3])
        time.sleep(0.05)
    compare(place, folder / "whole")
    attempts = sum(job.run["attempts"] for job in Ledger.open(place).jobs())
    if attempts > jobs + sent * (2 if more else 1):
        raise Fault(f"{place}: {attempts} attempts for {jobs} jobs and {sent} kills")
    return {"jobs": jobs, "kills": sent, "lost": 0, "taken up": attempts - jobs}


def compare(place: Path, whole: Path) -> None:
    """See that each job is completed, with the score that it has in an undisturbed sweep."""
    one, two = (_rows(folder / "jobs.csv") for folder in (place, whole))
    for job, (mine, other) in enumerate(zip(one, two, strict=True)):
        if mine != other or mine["status"] != "completed":
            raise Fault(f"{place}: job {job} is {mine}, undisturbed {other}")


def _rows(table: Path) -> list[dict[str, Any]]:
    with table.open(newline="") as stream:
        return list(csv.DictReader(stream))


def _kill(program: Program, what: str) -> bool:
    try:
        workers = psutil.Process(program.process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return False
    if what == "main" or not workers:
        program.kill()
        psutil.wait_procs(workers, timeout=60)  # they save and end
        return True
    for worker in workers if what == "all" else workers[:1]:
        worker.send_signal(signal.SIGKILL)
    if what == "all":
        program.kill()
    return True
