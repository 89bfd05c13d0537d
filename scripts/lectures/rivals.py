"""Nets of one size on the same tasks: means and ranges over seeds."""

import math
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

from lectures.tables import net, option, seconds, table
from rnnlab.commands.compare.run import LoggedRun

TASKS = {"classification": "names", "pos": "parts of speech", "sentiment": "reviews"}
"""What the tables call a task."""


def rivals(runs: Sequence[LoggedRun], folder: Path, title: str) -> list[str]:
    """Net x task: accuracy of the test split, and seconds of training."""
    found = {task: name for task, name in TASKS.items() if task in {run.task for run in runs}}
    lines = []
    for corner, cell in {
        "test accuracy, mean (range)": _accuracies,
        "seconds of training, fastest seed": _seconds,
        "parameters, with vectors": _parameters,
    }.items():
        body = [
            [
                name,
                *(cell([r for r in runs if r.task == task and _net(r) == name]) for task in found),
            ]
            for name in dict.fromkeys(map(_net, runs))
        ]
        lines += [*table([corner, *found.values()], body), ""]
    return lines[:-1]


def _net(run: LoggedRun) -> str:
    blocks = "blocks of " if "encoder.model_size" in run.config else "Bi"
    return f"{blocks}{net(run).partition(',')[0]} {option('cell.hidden_size')(run)}"


def _accuracies(seeds: Sequence[LoggedRun]) -> str:
    found = [run.metrics.get("test/accuracy") or 0.0 for run in seeds]
    if len(found) < 2:
        return "".join(f"{value:.3f}" for value in found)
    return f"{mean(found):.3f} ({min(found):.3f} - {max(found):.3f})"


def _seconds(seeds: Sequence[LoggedRun]) -> str:
    return f"{min(map(seconds, seeds), default=math.nan):.0f}"


def _parameters(seeds: Sequence[LoggedRun]) -> str:
    return ", ".join({f"{(run.record or {}).get('parameters', 0):,}" for run in seeds})
