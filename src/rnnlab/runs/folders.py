"""Folders of runs: each has its own, named by the time."""

import shutil
from contextlib import suppress
from datetime import datetime
from itertools import count
from pathlib import Path

from rnnlab.errors import ConfigError


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
    hydra, config, checkpoints = (folder / n for n in (".hydra", "config.yaml", "checkpoints"))
    with suppress(OSError):  # up to the first folder that holds something else
        if set(folder.iterdir()) <= {hydra, config, checkpoints} and not any(checkpoints.glob("*")):
            shutil.rmtree(folder)
            for parent in folder.parents:
                parent.rmdir()


def prepare_folder(folder: Path, *, resume: bool) -> None:
    """Make the run's folder and check early that it can be written to.

    Raises:
        ConfigError: It holds another run.
        OSError: Nothing can be written there.
    """
    if not resume and (folder / "metrics.json").exists():
        raise ConfigError(
            f"hydra.run.dir: {folder} holds a run already; continue it with resume={folder}, "
            "or name another folder"
        )
    for path in folder.rglob("*"):
        if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
            raise ConfigError(f"{path}: a link to outside of the run's folder; nothing was written")
    (folder / "checkpoints").mkdir(parents=True, exist_ok=True)
    (folder / "checkpoints" / ".probe").touch()
    (folder / "checkpoints" / ".probe").unlink(missing_ok=True)
