"""What a run has logged so far, read from its folder; the run may still be training."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from tensorboard.backend.event_processing.event_file_loader import LegacyEventFileLoader

from rnnlab.errors import DataError

PATTERN = "events.out.tfevents.*"
TEXT = "/text_summary"
"""End of the names that TensorBoard gives to texts."""

LONGEST_FIRST = 256
"""More bytes than the first record of a file, a version number, can have."""


class Series(NamedTuple):
    """A scalar over the training.

    Attributes:
        steps: Optimiser steps (N,) when it was written, rising.
        values: Its values (N,), not all of them finite.
    """

    steps: np.ndarray
    values: np.ndarray

    @property
    def last(self) -> float:
        """The newest value."""
        return float(self.values[-1])


class Log(NamedTuple):
    """All that a run has logged: scalars and texts by tag, and a line for each file left out."""

    scalars: dict[str, Series]
    texts: dict[str, list[str]]
    problems: tuple[str, ...] = ()


def read_log(folder: Path) -> Log:
    """Scalars and texts of a run folder, from TensorBoard's event files or Lightning's CSV.

    A last record that is only half written is left out, as in TensorBoard. Where a resumed run has
    repeated a step, the later value counts. A file that cannot be read, or is not what its name
    says, is left out and named.
    """
    points: dict[str, dict[int, float]] = defaultdict(dict)
    texts: dict[str, list[str]] = {}
    problems: list[str] = []
    for file in [*sorted(folder.rglob(PATTERN), key=_age), *sorted(folder.rglob("metrics.csv"))]:
        try:
            for tag, step, content in (
                _csv_points(file) if file.suffix == ".csv" else _records(file)
            ):
                if isinstance(content, float):
                    points[tag][step] = content
                else:
                    texts.setdefault(tag, []).extend(content)
        except DataError as error:
            problems.append(str(error))
    scalars = {tag: _series(each) for tag, each in points.items()}
    return Log(scalars, texts, tuple(problems))


def _age(file: Path) -> tuple[int, int, str]:
    """Sort key: the second of creation, then the number that a process gives its files."""
    second = file.name.split(".")[3]
    return (int(second) if second.isdigit() else 0, len(file.name), file.name)


def _records(file: Path) -> Iterator[tuple[str, int, float | list[str]]]:
    """Tag, step and number or texts of all that was written whole into an event file."""
    try:
        events = list(LegacyEventFileLoader(str(file)).Load())
        size = file.stat().st_size
    except (OSError, DecodeError) as error:
        raise DataError(f"{file}: cannot be read ({error})") from None
    if not events and size > LONGEST_FIRST:
        raise DataError(f"{file}: not an event file of TensorBoard's, or damaged from its start")
    for event in events:
        for value in event.summary.value:
            if value.HasField("simple_value"):
                yield value.tag, event.step, value.simple_value
            elif value.tag.endswith(TEXT):
                words = [word.decode(errors="replace") for word in value.tensor.string_val]
                yield value.tag.removesuffix(TEXT), event.step, words


def _csv_points(file: Path) -> Iterator[tuple[str, int, float]]:
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                step = int(row.pop("step"))
                yield from ((tag, step, float(value)) for tag, value in row.items() if value)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise DataError(f"{file}: not a table of Lightning's CSV logger ({error})") from None


def _series(points: dict[int, float]) -> Series:
    steps = np.array(sorted(points), dtype=int)
    return Series(steps, np.array([points[step] for step in steps]))
