"""A sweep in one process."""

from pathlib import Path

from rnnlab.runs.launchers.base import Launcher
from rnnlab.runs.worker import work


class Sequential(Launcher):
    """Does one job after the other in this process."""

    def run(self, folder: Path) -> None:
        """See `Launcher`."""
        work(folder)
