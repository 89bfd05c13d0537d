"""Nets of one size on the same tasks: means and ranges over seeds."""

from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import mean

from lectures.tables import net, option, seconds, table
from rnnlab.commands.compare.run import Run

TASKS = {"classification": "names", "pos": "parts of speech", "sentiment": "reviews"}
"""What the tables call a task."""


def rivals(runs: Sequence[Run], folder: Path, title: str) -> list[str]:
    """Net x task: accuracy of the test split, and seconds of training."""
    found = {task: name for task, name in TASKS.items() if task in {run.task for run in runs}}
    lines = []
    for corner, value, digits in (
        ("test accuracy, mean (range)", _accuracy, 3),
        ("seconds of training", seconds, 0),
        ("parameters besides vectors", _weights, 0),
    ):
        body = [
            [name, *(_span(runs, name, task, value, digits) for task in found)]
            for name in dict.fromkeys(map(_net, runs))
        ]
        lines += [*table([corner, *found.values()], body), ""]
    return lines[:-1]


def _net(run: Run) -> str:
    blocks = "blocks of " if "encoder.model_size" in run.config else "Bi"
    return f"{blocks}{net(run).partition(',')[0]} {option('cell.hidden_size')(run)}"


def _accuracy(run: Run) -> float:
    return float(run.metrics.get("test/accuracy") or 0.0)


def _weights(run: Run) -> float:
    return float((run.record or {}).get("parameters", 0))


def _span(
    runs: Sequence[Run], name: str, task: str, value: Callable[[Run], float], digits: int
) -> str:
    found = [value(run) for run in runs if _net(run) == name and run.task == task]
    if not found:
        return ""
    low, high = f"{min(found):,.{digits}f}", f"{max(found):,.{digits}f}"
    middle = f"{mean(found):,.{digits}f}"
    return middle if low == high else f"{middle} ({low} - {high})"
