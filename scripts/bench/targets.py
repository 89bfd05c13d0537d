"""What was set out to be reached, and whether it was."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.timing import speedup


@dataclass(frozen=True)
class Target:
    """How many times faster one variant is to be than another.

    Attributes:
        section: Where both are measured.
        case: Cell and shape of a layer, or the name of a problem.
        fast: The variant that is to be faster.
        slow: What it is compared with.
        least: By how much, as a ratio.
    """

    section: str
    case: str
    fast: str
    slow: str
    least: float


def _layers() -> Iterator[Target]:
    aims = {"32, 100, 100, 128": 1.4, "8, 500, 64, 128": 2.0, "64, 200, 100, 256": 1.1}
    for shape, least in aims.items():
        for cell in ("rnn", "gru"):
            yield Target("layers", f"{cell} {shape}", "bptt", "nn padded", least)
    for shape in aims:
        yield Target("layers", f"lstm {shape}", "fused", "nn padded", 0.95)
    for corpus in ("imdb", "conll2003"):
        yield Target("ragged", f"gru {corpus} lengths", "bptt", "nn packed, shuffled", 3.5)


def _tasks() -> Iterator[Target]:
    aims = {
        "sentiment LSTM": {"tutorial": 8.0, "careful": 1.0},
        "sentiment BiLSTM": {"tutorial": 10.0},
        "sentiment GRU": {"careful": 1.2},
        "NER BiLSTM": {"tutorial": 2.5},
        "translation GRU": {"tutorial": 6.0, "careful": 1.5},
    }
    for name, least in aims.items():
        section = name.split()[0].lower()
        for slow, value in least.items():
            yield Target(section, name, "rnnlab", slow, value)


TARGETS = (*_layers(), *_tasks())


@dataclass(frozen=True)
class Reached:
    """A target with what was measured: the ratio of medians, and the quartiles round by round."""

    target: Target
    ratio: float
    low: float
    high: float

    @property
    def reached(self) -> bool:
        """Whether it is."""
        return self.ratio >= self.target.least


def per_token(row: Mapping[str, Any]) -> dict[str, list[float]]:
    """A task's seconds, each by its round's tokens, so that rounds of any size compare."""
    return {
        name: [s / n for s, n in zip(seconds, row["tokens"], strict=True)]
        for name, seconds in row["seconds"].items()
    }


def check(record: Mapping[str, Any]) -> list[Reached]:
    """All targets whose case was measured; on a tiny scale none is."""
    found = []
    for target in TARGETS:
        section = record["sections"].get(target.section)
        if section is None or section["size"] == "tiny":
            continue
        for row in section["rows"]:
            name = row["name"] if "name" in row else f"{row['cell']} {row['shape']}"
            if name == target.case:
                seconds = per_token(row) if "tokens" in row else row["seconds"]
                found.append(Reached(target, *speedup(seconds, target.fast, target.slow)))
    return found
