"""Folders of runs: each has its own, named by the time."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from itertools import count
from pathlib import Path

from filelock import FileLock, Timeout

from rnnlab.errors import ConfigError, naming

LOCK = ".lock"
"""The file that the process of a run holds."""

RANKS = ("RANK", "LOCAL_RANK", "NODE_RANK", "GROUP_RANK", "SLURM_PROCID")
"""Variables that number the processes of one run, or the machines."""


def dated(parent: str | Path) -> Path:
    """Make a folder below `parent`, named by the time; see `new_folder`."""
    return new_folder(Path(parent) / datetime.now().strftime("%Y-%m-%d_%H-%M-%S"))


def new_folder(wanted: str | Path) -> Path:
    """Make a folder; if it exists, one with a number after its name.

    Made exclusively: of several runs that start in the same second, each gets its own.

    Raises:
        ConfigError: Nothing can be written there.
    """
    wanted = Path(wanted)
    try:
        wanted.parent.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            folder = wanted if number == 1 else wanted.with_name(f"{wanted.name}_{number}")
            with suppress(FileExistsError):
                folder.mkdir()
                return folder
    except OSError as error:
        raise ConfigError(f"cannot write {error.filename}: {error.strerror}") from None
    raise AssertionError  # `count` has no end


def remove_unused(folder: Path) -> None:
    """Remove the folder of a run that was refused before it began; one that holds more stays."""
    made = {folder / name for name in (".hydra", LOCK, "config.yaml", "checkpoints")}
    with suppress(OSError):  # up to the first folder that holds something else
        if set(folder.iterdir()) <= made and not any(folder.glob("checkpoints/*")):
            shutil.rmtree(folder)
            for parent in folder.parents:
                parent.rmdir()


def is_first_process() -> bool:
    """Whether this is the only process of a run, or the first of several."""
    return all(os.environ.get(name, "0") == "0" for name in RANKS)


@contextmanager
def claimed(folder: Path, *, resume: bool) -> Iterator[None]:
    """Make a run's folder and keep it to this process; to be nested at will.

    The system gives up the lock of a process that ends in any way: none is left behind.

    Raises:
        ConfigError: Another process has it, or it holds another run.
        OSError: Nothing can be written there.
    """
    for path in folder.rglob("*"):
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
            raise ConfigError(f"{path}: a link to outside of the run's folder; nothing was written")
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    if not is_first_process():
        yield  # of the run of the first process
        return
    lock = FileLock(folder / LOCK, blocking=False, is_singleton=True)
    try:
        held = lock.acquire()
    except Timeout:
        raise ConfigError(
            f"{folder}: another process trains in this folder; wait for it or stop it, or name "
            "another folder"
        ) from None
    with held, naming(folder):
        if not resume:
            _refuse_used(folder)
        yield


def _refuse_used(folder: Path) -> None:
    checkpoints = list(folder.glob("checkpoints/[!.]*"))  # others are half-written
    if checkpoints and not (folder / "checkpoints" / "last.ckpt").exists():
        raise ConfigError(
            f"hydra.run.dir: {checkpoints[0]} is of a run that was killed before it saved its "
            "state; remove it, or name another folder"
        )
    if checkpoints or (folder / "metrics.json").exists():
        raise ConfigError(
            f"hydra.run.dir: {folder} holds a run already; continue it with resume={folder}, "
            "or name another folder"
        )
