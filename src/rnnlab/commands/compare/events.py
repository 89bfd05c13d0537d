"""What a run has logged so far, read from its folder; the run may still be going on."""

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
"""How much of each kind is kept: 0 is all."""

TEXT = "/text_summary"
"""End of the names that TensorBoard gives to texts."""

FRAME = 16
"""Bytes around each record: its length, and checksums of length and content."""

LONGEST_FIRST = 1024
"""More bytes than a file's first record, a version's name, can have."""


class Series(NamedTuple):
    """A scalar over the training.

    Attributes:
        steps: (N,) optimiser steps made when it was written, rising.
        values: (N,) its values; not all need be finite.
    """

    steps: np.ndarray
    values: np.ndarray

    @property
    def last(self) -> float:
        """The newest value."""
        return float(self.values[-1])


class Log(NamedTuple):
    """All that a run has logged: scalars, and the newest text of each tag."""

    scalars: dict[str, Series]
    texts: dict[str, list[str]]


def read_log(folder: Path) -> Log:
    """Scalars and texts of a run folder, from TensorBoard's event files or Lightning's CSV.

    A last record that is only half written is left out, as TensorBoard does; where a resumed run
    has made a step again, the later value counts.

    Raises:
        DataError: A file that cannot be read or is not what its name says.
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
            if not tag.endswith(TEXT):  # a layout of charts, say
                continue
            protos = [event.tensor_proto for event in events.Tensors(tag)]
            words = [word.decode() for proto in protos for word in proto.string_val]
            texts.setdefault(tag.removesuffix(TEXT), []).extend(words)
    for file in sorted(folder.rglob("metrics.csv")):
        for tag, step, value in _csv_points(file):
            points[tag][step] = value
    return Log({tag: _series(tag, each) for tag, each in points.items()}, texts)


def _age(file: Path) -> tuple[int, int, str]:
    """Sorts by the second of creation, then by the number that a process gives its files."""
    second = file.name.split(".")[3]
    return (int(second) if second.isdigit() else 0, len(file.name), file.name)


def _events(file: Path) -> EventAccumulator | None:
    """An event file's content; None of one that does not hold a whole record yet."""
    try:
        with file.open("rb") as stream:  # the accumulator would take a refusal for an end
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
            "without it the run can be compared, but not its curves"
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
    if tag.startswith("val/"):  # counted from zero by Lightning; the rest counts steps made
        made = made + 1
    return Series(made, np.array([points[step] for step in steps]))
