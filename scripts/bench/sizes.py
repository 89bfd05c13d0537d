"""How much is measured: the whole benchmark, a quick one, a tiny one that tests the program."""

from dataclasses import dataclass

from bench.contest import Turns
from bench.corpora import Corpus
from bench.layers import AIMED, NAMED, Shape, grid
from bench.problems import TaskName


@dataclass(frozen=True)
class Ragged:
    """Layers on batches of real lengths.

    Attributes:
        batches: Of a run.
        budget: Seconds for a cell.
        cells: Which ones.
    """

    batches: int
    budget: float
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Size:
    """Shapes, seconds and rounds of all sections.

    Attributes:
        name: As an option.
        shapes: Of the section `layers`.
        slow_ways: Whether packed sequences and the loop over steps are timed there as well.
        grid: Shapes of the section `grid`.
        budget: Seconds for a cell at a shape of `layers`; the grid has a third of it.
        ragged: By data set.
        turns: By task.
        corpus: Generated data instead of real data, of this size; None for real data.
    """

    name: str
    shapes: tuple[Shape, ...]
    slow_ways: bool
    grid: tuple[Shape, ...]
    budget: float
    ragged: dict[str, Ragged]
    turns: dict[TaskName, Turns]
    corpus: Corpus | None = None


ALL = ("rnn", "lstm", "gru")
FULL = Size(
    name="full",
    shapes=NAMED,
    slow_ways=True,
    grid=tuple(grid()),
    budget=3.0,
    ragged={"imdb": Ragged(2, 3.0, ALL), "conll2003": Ragged(4, 4.0, ALL)},
    turns={
        "sentiment": Turns(steps=6, rounds=6),
        "ner": Turns(steps=30, rounds=12, sentences=3000),
        "translation": Turns(steps=8, rounds=12, further=300, sentences=1000),
    },
)
QUICK = Size(
    name="quick",
    shapes=AIMED,
    slow_ways=False,
    grid=tuple(s for s in grid() if s.batch in (8, 64) and s.steps < 200 and s.hidden in (64, 256)),
    budget=1.0,
    ragged={"imdb": Ragged(1, 0.0, ("gru",)), "conll2003": Ragged(4, 1.0, ("gru",))},
    turns={
        "sentiment": Turns(steps=3, rounds=2),
        "ner": Turns(steps=15, rounds=5, sentences=1000),
        "translation": Turns(steps=4, rounds=4),
    },
)
TINY = Size(
    name="tiny",
    shapes=(Shape(2, 5, 3, 4),),
    slow_ways=True,
    grid=(Shape(2, 4, 3, 4), Shape(2, 6, 3, 5)),
    budget=0.0,
    ragged={"imdb": Ragged(2, 0.0, ("gru",)), "conll2003": Ragged(2, 0.0, ("gru",))},
    turns={
        "sentiment": Turns(steps=1, rounds=3),
        "ner": Turns(steps=2, rounds=3, sentences=20),
        "translation": Turns(steps=1, rounds=2, further=1, sentences=10),
    },
    corpus=Corpus(train=320, words=60, longest=8),
)
"""Figures of the last mean nothing."""

SIZES = {size.name: size for size in (FULL, QUICK, TINY)}
