"""A job of a sweep, and where it stands."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAME, ELSEWHERE = "ledger.db", "ledger.json"
"""The file in the sweep's folder; or the one that says where the ledger is."""

LEFT = ("waiting", "running", "interrupted")
"""States of jobs that still have something to do."""


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        number: From 0.
        overrides: What it changes, as on the command line.
        folder: Its folder's name in that of the sweep.
        cfg: Its complete configuration, checked.
        choices: The choice made for each group.
        result: Once it has ended: status, score, test metrics, and the reason of a failure.
        run: Who works on it (host, pid, started, beat), how often it was begun (attempts), failed
            (failures) and lost its worker (deaths).
        ended: Whether it is completed, pruned or diverged, for good.
        seconds: How long it has been at work, or was.
    """

    number: int
    overrides: list[str]
    folder: str
    cfg: dict[str, Any]
    choices: dict[str, Any]
    result: dict[str, Any] = field(default_factory=dict)
    run: dict[str, Any] = field(default_factory=dict)
    ended: bool = False
    seconds: float | None = None

    @property
    def state(self) -> str:
        """Waiting, running, completed, untrained, pruned, diverged, failed or interrupted."""
        return str(self.result["status"] if self.ended else self.run.get("status", "waiting"))


@dataclass(frozen=True)
class Entry:
    """Where a job stands: waiting, running, interrupted, failed or ended; and who works on it."""

    number: int
    state: str
    run: dict[str, Any]


def has_ledger(folder: Path) -> bool:
    """Whether a folder is that of a sweep with a ledger."""
    return any((folder / name).is_file() for name in (NAME, ELSEWHERE))


def no_ledger(folder: Path) -> str:
    """The message for a folder without one."""
    if any(folder.glob("*/metrics.json")) or any(folder.glob("*/checkpoints")):
        return (
            f"{folder}: a sweep of an earlier version, without a ledger ({NAME}); "
            "its runs can be compared, and continued one by one"
        )
    return f"{folder}: not the folder of a sweep: it has no ledger ({NAME})"
