"""What starts the workers of a sweep."""

from abc import ABC, abstractmethod
from pathlib import Path


class Launcher(ABC):
    """Starts workers; what they do stands in the ledger."""

    @abstractmethod
    def run(self, folder: Path) -> None:
        """Start workers for a sweep, replace those that are lost, and return when no job is left.

        Args:
            folder: The sweep's folder.

        Raises:
            KeyboardInterrupt: It was stopped; all workers have saved and ended.
            ConfigError: No worker can be started.
        """
