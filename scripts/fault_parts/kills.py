"""Runs that are killed, or stopped by a signal, at random moments, and go on."""

import random
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from fault_parts.program import Fault, Program
from fault_parts.runs import CASES, compare, record, reference, words_of

Unit = tuple[str, Callable[[Path], dict[str, float]]]

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def units(count: int) -> Iterator[Unit]:
    """So many kills, a few of each case at a time; and signals that let a run save."""
    a_unit = 5 if count >= 100 else 2
    for number in range(0, count, a_unit):
        case = list(CASES)[number // a_unit % len(CASES)]
        given = (case, min(a_unit, count - number), number, signal.SIGKILL)
        yield f"kills/{case}/{number}", partial(disturb, *given)
    for number, stop in enumerate(STOPS * max(1, count // 20)):
        case = list(CASES)[(number - 1) % len(CASES)]
        yield f"signals/{stop.name}/{number}", partial(disturb, case, 1, number, stop)


def disturb(case: str, count: int, seed: int, number: int, folder: Path) -> dict[str, float]:
    """Send a signal to runs of a case `count` times, and go on after each.

    Raises:
        Fault: A run cannot go on, or is not in the end as if nothing had happened.
    """
    rng, (whole, seconds) = random.Random(seed), reference(case, folder.parent)
    sent = early = runs = 0
    while sent < count:
        run, code = folder / f"run_{runs}", None
        while code != 0 and record(run).get("status") != "completed":
            began, whole_run = time.monotonic(), not run.exists()
            program = Program(next_words(case, run), folder)
            if sent < count:
                least = 0.0 if number == signal.SIGKILL else 0.4  # a run that trains can save
                time.sleep(rng.uniform(least * seconds, seconds))
                if not program.ended():
                    early += not (run / "checkpoints/last.ckpt").exists()
                    program.send(number)
                    sent += 1
            code = program.code()
            if code == 0 and whole_run:  # the machine is faster now
                seconds = min(seconds, time.monotonic() - began)
            if code not in (0, 130, -number):
                raise Fault(f"{program}: exit code {code}: {program.said[-1500:]}")
            if code == 130 and not program.line.startswith(
                ("interrupted", "continue", "rnnlab: i")
            ):
                raise Fault(f"{program}: {program.said[-1500:]}")
        compare(run, whole)
        shutil.rmtree(run)
        runs += 1
    return {"sent": sent, "before the first checkpoint": early, "equal": runs}


def next_words(case: str, run: Path) -> list[str]:
    """What a user does: goes on, or begins again where nothing was saved."""
    if (run / "checkpoints/last.ckpt").exists():
        return ["train", f"resume={run}"]
    if (run / "checkpoints/best.ckpt").exists():  # in the moment before the first last.ckpt
        shutil.rmtree(run)
    return [*words_of(case, run.parent.parent), f"hydra.run.dir={run}"]
