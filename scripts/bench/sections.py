"""The sections of the benchmark: each measures something, and gives plain rows for JSON."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from bench.contest import contest
from bench.layers import Case, compare_all, compare_kernels, compare_ragged
from bench.problems import PROBLEMS, TaskName
from bench.sizes import Size
from rnnlab.config.compose import compose_words
from rnnlab.runs.build import build_data, build_vectors

Row = dict[str, Any]
"""Plain values: of layers `cell`, `shape`, `seconds`; of tasks the fields of `Contest`."""

BATCH = 32
"""Sequences of a ragged batch."""


def layers(size: Size) -> Iterator[Row]:
    """Every kernel against torch's modules, at a few shapes."""
    compare = compare_all if size.slow_ways else compare_kernels
    yield from _rows(compare(list(size.shapes), budget=size.budget))


def grid(size: Size) -> Iterator[Row]:
    """`fused` and `bptt` at many shapes: what the choice of `auto` rests on."""
    yield from _rows(compare_kernels(list(size.grid), budget=size.budget / 3))


def ragged(size: Size) -> Iterator[Row]:
    """Kernels against packed sequences, on batches with the lengths of real data sets."""
    for corpus, work in size.ragged.items():
        yield from _rows(
            compare_ragged(
                corpus,
                _lengths(corpus, size),
                batch=BATCH,
                batches=work.batches,
                budget=work.budget,
                cells=work.cells,
            )
        )


def task(name: TaskName, size: Size) -> Iterator[Row]:
    """Training through rnnlab against plain programs."""
    for problem in PROBLEMS:
        if problem.task != name:
            continue
        folder = Path(tempfile.mkdtemp(prefix="rnnlab-benchmark-"))
        try:
            if size.corpus is None:
                words = problem.words
            else:
                problem = replace(problem, hidden=8, embedding=8)
                words = problem.generated(folder / "data", size.corpus)
            yield asdict(contest(problem, words, folder / "run", size.turns[name]))
        finally:
            shutil.rmtree(folder, ignore_errors=True)


SECTIONS: dict[str, Callable[[Size], Iterator[Row]]] = {
    "layers": layers,
    "grid": grid,
    "ragged": ragged,
    "sentiment": partial(task, "sentiment"),
    "ner": partial(task, "ner"),
    "translation": partial(task, "translation"),
}
"""By name, in the order of the report."""


def _rows(cases: Iterable[Case]) -> Iterator[Row]:
    for case in cases:
        seconds = {name: timing.times for name, timing in case.timings.items()}
        yield {"cell": case.cell, "shape": case.shape, "seconds": seconds}


def _lengths(corpus: str, size: Size) -> torch.Tensor:
    if size.corpus is not None:
        rng = torch.Generator().manual_seed(0)
        return torch.randint(1, size.corpus.longest, (50 * BATCH,), generator=rng)
    problem = next(p for p in PROBLEMS if p.corpus == corpus)
    cfg = compose_words("train", problem.words).cfg
    data = build_data(cfg, build_vectors(cfg))
    return torch.from_numpy(data.examples("train").lengths)
