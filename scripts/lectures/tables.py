"""Tables of a sweep's runs, as Markdown."""

import math
from collections.abc import Callable, Sequence

from rnnlab.commands.compare.run import LoggedRun, half_life, solved
from tabular import markdown

BIASES = ("forget_bias", "update_bias")


def net(run: LoggedRun) -> str:
    """The cell with the bias of its gate, as in "LSTM, bias 3"."""
    cell = str(run.config["cell"])
    found = [run.config[f"cell.{name}"] for name in BIASES if f"cell.{name}" in run.config]
    return cell if not found or found[0] is None else f"{cell}, bias {found[0]:g}"


def option(key: str) -> Callable[[LoggedRun], str]:
    """Shows an option of a run."""

    def show(run: LoggedRun) -> str:
        value = run.config.get(key)
        return f"{value:g}" if isinstance(value, float) else str(value)

    return show


def metric(name: str, digits: int = 3) -> Callable[[LoggedRun], str]:
    """Shows a metric of a run's record; `diverged` of one that did."""

    def show(run: LoggedRun) -> str:
        value = run.metrics.get(name)
        return run.status if value is None else f"{value:.{digits}f}"

    return show


def lives(run: LoggedRun) -> str:
    """Half-life of the gradient before and after training, in steps."""
    first, last = half_life(run, 0), half_life(run, -1)
    if first is None and last is None:
        return "-"
    return f"{_steps(first)} → {_steps(last)}"


def verdict(run: LoggedRun) -> str:
    """Whether the task was solved, and the half-life before and after."""
    return f"{'**solved**' if solved(run) else 'no'}, {lives(run)}"


def _steps(value: float | None) -> str:
    if value is None:  # no straight line
        return "-"
    return "∞" if not math.isfinite(value) or value >= 1e4 else f"{value:.3g}"


def grid(
    runs: Sequence[LoggedRun],
    *,
    rows: Callable[[LoggedRun], str],
    columns: Callable[[LoggedRun], str],
    cell: Callable[[LoggedRun], str],
    corner: str,
) -> list[str]:
    """A table with a run in each cell; rows and columns in the order of the runs."""
    heads = list(dict.fromkeys(map(columns, runs)))
    lines = list(dict.fromkeys(map(rows, runs)))
    filled = {(rows(run), columns(run)): cell(run) for run in runs}
    body = [[line, *(filled.get((line, head), "") for head in heads)] for line in lines]
    return table([corner, *heads], body)


def seconds(run: LoggedRun) -> float:
    """Of training, validations left out; nan where that is not known."""
    return float((run.record or {}).get("train_seconds", math.nan))


def table(heads: Sequence[str], body: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a Markdown table."""
    return markdown(heads, body, left=len(heads)).splitlines()
