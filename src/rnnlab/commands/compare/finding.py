"""The runs in the folders that the user names."""

import re
from collections.abc import Sequence
from pathlib import Path

from rnnlab.commands.compare.reading import HalfWritten, read_run
from rnnlab.commands.compare.run import LoggedRun
from rnnlab.errors import ConfigError


def find_runs(paths: Sequence[Path]) -> tuple[list[LoggedRun], list[str]]:
    """All runs in or below the paths, each once, and a line for all that is left out.

    Args:
        paths: Run folders, folders of multiruns, or any folder above them.

    Raises:
        ConfigError: A path that is not a folder or has no runs; no run that can be compared.
    """
    folders: dict[Path, Path] = {}
    for path in paths:
        if not path.is_dir():
            what = "not a folder" if path.exists() else "no such folder"
            raise ConfigError(f"{path}: {what}; name run folders or folders of multiruns")
        found = sorted(run_folders(path), key=_natural)
        if not found:
            raise ConfigError(f"{path}: no runs in it; a run's folder holds config.yaml and events")
        folders |= {folder.resolve(): folder for folder in found}
    runs: list[LoggedRun] = []
    skipped: list[str] = []
    for folder in folders.values():
        try:
            runs.append(read_run(folder))
            skipped += [f"{problem}; left out" for problem in runs[-1].problems]
        except HalfWritten as reason:
            skipped.append(f"{folder}: half-written, left out ({reason})")
    if not runs:
        raise ConfigError("\n".join([*skipped, "no runs are left to compare"]))
    return runs, skipped


def run_folders(path: Path) -> set[Path]:
    """Folders at or below a path that hold a run, complete or not."""
    markers = ("config.yaml", "metrics.json", ".hydra")
    found = {file.parent for marker in markers for file in path.rglob(marker)}
    signs = ("checkpoints", "metrics.json", ".hydra")
    return {
        folder
        for folder in found
        if folder.name != ".hydra" and any((folder / sign).exists() for sign in signs)
    }


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sort key: the tenth job comes behind the ninth."""
    words = re.findall(r"\d+|\D+", str(path))
    return [(int(word), "") if word.isdigit() else (0, word) for word in words]
