"""A disk that becomes full at any moment of a run or a sweep."""

import os
import random
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from fault_parts.kills import Unit, next_words
from fault_parts.program import Fault, Program, rnnlab
from fault_parts.runs import compare, record, words_of

MEGABYTES = 8
"""Of the small disk."""

FULL = ("No space left on device", "disk is full")

SWEEP = ("seed=1,2,3", "trainer.max_epochs=1")


def units(count: int) -> Iterator[Unit]:
    """So many small disks: every other one below a run, the rest below its cache or a sweep."""
    for number in range(count):
        what = (run_, cache, sweep, run_)[number % 4]
        yield f"disk/{what.__name__.strip('_')}/{number}", partial(_tried, what, number)


def _tried(what: Callable[[int, Path], dict[str, float]], seed: int, folder: Path):
    try:
        with small_disk(folder / "try"):
            pass
    except (OSError, subprocess.CalledProcessError):
        return {"not tried, no right to mount": 1}
    return what(seed, folder)


@contextmanager
def small_disk(place: Path) -> Iterator[Callable[[int | None], None]]:
    """A file system in memory, and what leaves so many bytes of it free; None for all."""
    place.mkdir(exist_ok=True)
    words = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(place)]
    subprocess.run(words, check=True, capture_output=True)

    def leave(free: int | None) -> None:
        filler = place / "filler"
        filler.unlink(missing_ok=True)
        now = os.statvfs(place)
        if free is not None:
            filler.write_bytes(bytes(max(0, now.f_bavail * now.f_frsize - free)))

    try:
        yield leave
    finally:
        subprocess.run(["umount", str(place)], check=True)


def size_of(folder: Path) -> int:
    """Bytes of all files, in blocks of a disk."""
    return sum(-(-f.stat().st_size // 4096) * 4096 for f in folder.rglob("*") if f.is_file())


def refused(program: Program) -> str:
    """The name of the file that could not be written; see that one line says so.

    Raises:
        Fault: It is told otherwise.
    """
    lines = [line for line in program.said.splitlines() if line.startswith("rnnlab: ")]
    told = len(lines) == 1 and any(text in lines[0] for text in FULL)
    if not told or program.line != lines[0]:
        raise Fault(f"{program}: {program.said[-1500:]}")
    path = lines[0].removeprefix("rnnlab: ").removeprefix("cannot write ").split(": ")[0]
    path = "ledger.db" if path.startswith("sqlite") else path
    return Path(path).name


def run_(seed: int, folder: Path) -> dict[str, float]:
    """A run whose disk is full at a random moment, with curves and instruments; it goes on."""
    rng = random.Random(seed)
    words = [*words_of("memory", folder.parent), "logger=tensorboard", "diagnostics=full"]
    words = [w for w in words if w not in ("logger=none", "diagnostics=off")]
    whole = folder / "whole"
    rnnlab(*words, f"hydra.run.dir={whole}", folder=folder)
    found: Counter[str] = Counter()
    with small_disk(folder / "disk") as leave:
        run = folder / "disk" / "run"
        for _ in range(4):
            shutil.rmtree(run, ignore_errors=True)
            leave(rng.randint(0, size_of(whole)))
            again = [*words, f"hydra.run.dir={run}"]
            while record(run).get("status") != "completed":
                program = Program(again, folder)
                await_end(program, found)
                leave(None)
                last = (run / "checkpoints/last.ckpt").exists()
                again = next_words("memory", run) if last else again
            compare(run, whole)
    return {**found, "equal": 4}


def await_end(program: Program, found: Counter[str]) -> None:
    """Count where the disk was full, if it was; any other end but a good one is a fault."""
    code = program.code()
    if code == 2:
        found[f"full at {refused(program).split('.')[0]}"] += 1
    elif code != 0:
        raise Fault(f"{program}: exit code {code}: {program.said[-1500:]}")


def cache(seed: int, folder: Path) -> dict[str, float]:
    """A cache that cannot be kept: the run goes on without, and what is read later is whole."""
    rng, here = random.Random(seed), {"RNNLAB_CACHE": str(folder / "disk" / "cache")}
    words = words_of("tags", folder.parent)
    rnnlab(*words, f"hydra.run.dir={folder / 'whole'}", folder=folder, **here)
    size, kept = size_of(folder / "disk" / "cache"), 0
    shutil.rmtree(folder / "disk")
    with small_disk(folder / "disk") as leave:
        for number, free in enumerate([0, *(rng.randint(0, size) for _ in range(3)), None]):
            leave(free)
            run = folder / f"run_{number}"
            program = Program([*words, f"hydra.run.dir={run}"], folder, here)
            if program.code() != 0:
                raise Fault(f"{program}: {program.said[-1500:]}")
            kept += "cannot keep a cache" in program.said
            compare(run, folder / "whole")
            left = [f.name for f in (folder / "disk").rglob("*.part")]
            if left:
                raise Fault(f"{program}: half of a file is left: {left}")
    if not kept:
        raise Fault(f"{words}: nothing says that the cache cannot be kept")
    return {"without a cache": kept, "equal": 5}


def sweep(seed: int, folder: Path) -> dict[str, float]:
    """A sweep whose disk is full at a random moment; it goes on, and nothing is lost."""
    rng = random.Random(seed)
    words = [word for word in words_of("memory", folder.parent) if "max_epochs" not in word]
    words = [words[0], "-m", *words[1:], *SWEEP]
    rnnlab(*words, f"hydra.sweep.dir={folder / 'whole'}", folder=folder)
    table = (folder / "whole/jobs.csv").read_text()
    found: Counter[str] = Counter()
    with small_disk(folder / "disk") as leave:
        place = folder / "disk" / "sweep"
        for _ in range(3):
            shutil.rmtree(place, ignore_errors=True)
            leave(rng.randint(0, size_of(folder / "whole")))
            program = Program([*words, f"hydra.sweep.dir={place}"], folder)
            await_end(program, found)
            leave(None)
            ledger = (place / "ledger.db").exists()
            again = ["train", "-m", f"resume={place}"] if ledger else program.words
            rnnlab(*again, folder=folder)
            if (place / "jobs.csv").read_text() != table:
                raise Fault(f"{place}: jobs.csv is not that of the undisturbed sweep")
    return {**found, "equal": 3}
