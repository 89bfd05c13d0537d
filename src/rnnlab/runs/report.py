"""The classes of a test one by one: on the terminal, as JSON, as a figure."""

from pathlib import Path

from lightning import Trainer

from rnnlab.diagnostics.confusion import plot_confusion
from rnnlab.diagnostics.figures import save_figure
from rnnlab.nn.class_report import ClassReport
from rnnlab.runs.metrics_json import write_json

SHOWN = 15
"""Classes that the terminal lists; of more the worst ones."""
WIDTH = 70
"""Characters of a line; where a matrix has no room, the most frequent mistakes are listed."""
CORNER = "true \\ guess"
MISTAKES = 8
NAME = 24
"""Characters of a class's name."""


def save_report(report: ClassReport, trainer: Trainer, folder: Path) -> None:
    """Write `report.json` and `figures/confusion.png` into a folder, and TensorBoard's image.

    Args:
        report: Of the test.
        trainer: Its `default_root_dir` is the folder.
        folder: The run's folder, or one that was asked for.
    """
    write_json(folder / "report.json", report.to_dict())
    figure = plot_confusion(report)
    if figure is not None:
        save_figure(figure, trainer, "test/confusion", "confusion.png")


def print_report(report: ClassReport) -> None:
    """Print the classes of a test, and which was taken for which."""
    for line in as_lines(report):
        print(f"test     {line}", flush=True)


def as_lines(report: ClassReport) -> list[str]:
    """The report in lines of a terminal of 80 columns."""
    seen = [at for at in range(len(report.labels)) if report.support[at] or report.predicted[at]]
    f1 = report.f1
    shown = seen if len(seen) <= SHOWN else sorted(sorted(seen, key=f1.__getitem__)[:SHOWN])
    width = max([len(report.what), *(len(_short(report.labels[at])) for at in shown)])
    lines = [f"{report.what:<{width}}  precision  recall      f1  support"]
    for at in shown:
        name, count = _short(report.labels[at]), report.support[at]
        scores = f"{report.precision[at]:9.4f}  {report.recall[at]:6.4f}  {f1[at]:6.4f}"
        lines.append(f"{name:<{width}}  {scores}  {count:7,}")
    if len(shown) < len(seen):
        lines.append(f"... the {len(shown)} lowest f1 of {len(seen)} (report.json has all)")
    return [*lines, *_confused(report)]


def _confused(report: ClassReport) -> list[str]:
    if report.confusion is None:
        return []
    names, rows = report.steps, report.confusion
    used = [at for at, row in enumerate(rows) if sum(row) or any(other[at] for other in rows)]
    width = max(5, *(len(f"{rows[a][b]}") for a in used for b in used)) if used else 5
    room = min(NAME, WIDTH - (width + 1) * len(used))  # for the names of the rows
    if len(used) > 1 and room >= len(CORNER):
        heads = " ".join(f"{_short(names[at], width):>{width}}" for at in used)
        table = [f"{CORNER:<{room}} {heads}"]
        for a in used:
            cells = " ".join(f"{rows[a][b]:>{width}}" for b in used)
            table.append(f"{_short(names[a], room):<{room}} {cells}")
        return table
    wrong = [(rows[a][b], a, b) for a in used for b in used if a != b and rows[a][b]]
    wrong.sort(key=lambda each: (-each[0], each[1:]))
    return [
        f"{count:,} times {_short(names[a])} taken for {_short(names[b])}"
        for count, a, b in wrong[:MISTAKES]
    ]


def _short(name: str, room: int = NAME) -> str:
    name = " ".join(name.split())
    return name if len(name) <= room else f"{name[: room - 1]}…"
