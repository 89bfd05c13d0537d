"""Ranges of tasks' options: a value outside of its range is told in one way."""

from rnnlab.errors import ConfigError


def at_least(least: float, **options: float) -> None:
    """Refuse the first of some options of `task` that is too small, by a ConfigError."""
    for key, value in options.items():
        if value < least:
            raise ConfigError(f"task.{key}: {value} is not at least {least}")


def probabilities(**options: float) -> None:
    """Refuse the first of some options of `task` that is not in [0, 1), by a ConfigError."""
    for key, value in options.items():
        if not 0 <= value < 1:
            raise ConfigError(f"task.{key}: {value} is not at least 0 and below 1")
