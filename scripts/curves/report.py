"""The table and the picture of what was measured."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from rnnlab.diagnostics.style import COLOURS, RC
from tabular import markdown

Row = Mapping[str, Any]
"""One point of one run: case, variant, seed, batches, seconds, scores."""

BEGIN, END = "<!-- learning: begin -->", "<!-- learning: end -->"


def table(rows: Sequence[Row], metrics: Mapping[str, str]) -> str:
    """Loss, score and seconds after the last batch of each case: median and range over seeds."""
    lines = []
    for case, metric in metrics.items():
        own = [row for row in rows if row["case"] == case]
        last = [row for row in own if row["batches"] == max(r["batches"] for r in own)]
        for variant in dict.fromkeys(row["variant"] for row in last):
            found = [row for row in last if row["variant"] == variant]
            lines.append(
                [
                    case,
                    variant,
                    f"{found[0]['batches']}",
                    _spread([row["scores"]["loss"] for row in found]),
                    metric,
                    _spread([row["scores"][metric] for row in found]),
                    f"{statistics.median(row['seconds'] for row in found):.0f}",
                ]
            )
    heads = ["data", "program", "batches", "loss", "score", "", "seconds"]
    return markdown(heads, lines, left=2)


def _spread(values: Sequence[float]) -> str:
    digits = 2 if max(values) > 2 else 3
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} - {high:.{digits}f})"


def draw(rows: Sequence[Row], cases: Sequence[str], path: Path) -> None:
    """Loss against batches and against seconds: median over seeds, and their range."""
    import matplotlib as mpl

    with mpl.rc_context(RC):
        figure = Figure(figsize=(3.6 * len(cases), 5.6), layout="constrained")
        grid = figure.subplots(2, len(cases), squeeze=False)
        colours: dict[str, str] = {}
        for column, case in enumerate(cases):
            own = [row for row in rows if row["case"] == case]
            for variant in dict.fromkeys(row["variant"] for row in own):
                colour = colours.setdefault(variant, COLOURS[len(colours) % len(COLOURS)])
                points = [*_by_batches(row for row in own if row["variant"] == variant)]
                middle, low, high = zip(*(losses for _, _, losses in points), strict=True)
                for axes, x in zip(grid[:, column], (0, 1), strict=True):
                    places = [point[x] for point in points]
                    axes.plot(places, middle, marker="o", color=colour, label=variant)
                    axes.fill_between(places, low, high, color=colour, alpha=0.2, linewidth=0)
            grid[0, column].set_title(case)
            for axes, name in zip(grid[:, column], ("batches", "seconds of training"), strict=True):
                axes.set_xlabel(name)
                axes.set_ylabel("test loss")
            grid[0, column].legend()
        figure.savefig(path, dpi=110)


def _by_batches(rows: Iterable[Row]) -> Iterable[tuple[float, float, tuple[float, float, float]]]:
    by_batches: dict[int, list[Row]] = {}
    for row in rows:
        by_batches.setdefault(row["batches"], []).append(row)
    for batches, found in sorted(by_batches.items()):
        losses = [row["scores"]["loss"] for row in found]
        seconds = statistics.median(row["seconds"] for row in found)
        yield batches, seconds, (statistics.median(losses), min(losses), max(losses))


def insert(text: str, path: Path) -> None:
    """Put a text between the marks of a document."""
    replace_between(text, path, (BEGIN, END))


def replace_between(text: str, path: Path, marks: tuple[str, str]) -> None:
    """Put a text between two marks of a document."""
    begin, end = marks
    document = path.read_text(encoding="utf-8")
    before, rest = document.split(begin, 1)
    path.write_text(f"{before}{begin}\n\n{text}\n\n{end}{rest.split(end, 1)[1]}", encoding="utf-8")
