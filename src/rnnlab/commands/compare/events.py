"""What a run has logged so far, read from its folder; the run may still be training."""

import csv
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rnnlab.errors import DataError

PATTERN = "events.out.tfevents.*"
SIZES = {"scalars": 0, "tensors": 0, "images": 1, "histograms": 1, "compressedHistograms": 1}
"""How many events of each kind are kept; 0 for all."""

TEXT = "/text_summary"
"""End of the names that TensorBoard gives to texts."""

FRAME = 16
"""Bytes around each record: its length, and checksums of length and content."""

LONGEST_FIRST = 1024
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
    """All that a run has logged: scalars and texts by tag."""

    scalars: dict[str, Series]
    texts: dict[str, list[str]]


def read_log(folder: Path) -> Log:
    """Scalars and texts of a run folder, from TensorBoard's event files or Lightning's CSV.

    A last record that is only half written is left out, as in TensorBoard. Where a resumed run has
    repeated a step, the later value counts.

    Raises:
        DataError: A file cannot be read or is not what its name says.
    """
    points: dict[str, dict[int, float]] = defaultdict(dict)
    texts: dict[str, list[str]] = {}
    for file in sorted(folder.rglob(PATTERN), key=_age):
        events = _events(file)
        if events is None:
            continue
        for tag in events.Tags()["scalars"]:
            points[tag] |= {event.step: event.value for event in events.Scalars(tag)}
        for tag in events.Tags()["tensors"]:
            if not tag.endswith(TEXT):  # such as a layout of charts
                continue
            protos = [event.tensor_proto for event in events.Tensors(tag)]
            words = [word.decode() for proto in protos for word in proto.string_val]
            texts.setdefault(tag.removesuffix(TEXT), []).extend(words)
    for file in sorted(folder.rglob("metrics.csv")):
        for tag, step, value in _csv_points(file):
            points[tag][step] = value
    return Log({tag: _series(tag, each) for tag, each in points.items()}, texts)


def _age(file: Path) -> tuple[int, int, str]:
    """Sort key: the second of creation, then the number that a process gives its files."""
    second = file.name.split(".")[3]
    return (int(second) if second.isdigit() else 0, len(file.name), file.name)


def _events(file: Path) -> EventAccumulator | None:
    """The content of an event file; None where it does not hold a whole record yet."""
    try:
        with file.open("rb") as stream:  # a forbidden file is an empty one for the accumulator
            first = int.from_bytes(stream.read(8), "little")  # bytes in the first record
        if file.stat().st_size < min(first, LONGEST_FIRST) + FRAME:
            return None
        events = EventAccumulator(str(file), size_guidance=SIZES)
        events.Reload()
        events.FirstEventTimestamp()
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({error.strerror})") from None
    except ValueError:
        raise DataError(
            f"{file}: not an event file of TensorBoard's, or damaged from its start; "
            "remove it to compare the run without its curves"
        ) from None
    return events


def _csv_points(file: Path) -> Iterator[tuple[str, int, float]]:
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            for row in csv.DictReader(stream):
                step = int(row.pop("step"))
                yield from ((tag, step, float(value)) for tag, value in row.items() if value)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise DataError(f"{file}: not a table of Lightning's CSV logger ({error})") from None


def _series(tag: str, points: dict[int, float]) -> Series:
    steps = sorted(points)
    made = np.array(steps, dtype=int)
    if tag.startswith("val/"):  # Lightning counts these from zero
        made = made + 1
    return Series(made, np.array([points[step] for step in steps]))
