"""The comparison as one HTML page without any other file."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import fmean, stdev

from rnnlab.commands.compare.groups import Group, all_runs, differences, run_numbers
from rnnlab.commands.compare.run import LoggedRun
from rnnlab.commands.compare.significance import (
    FEWEST,
    RESAMPLES,
    Difference,
    bootstrap_interval,
    by_seed,
    sentences,
)
from rnnlab.commands.compare.style import line_styles
from rnnlab.commands.compare.table import group_rows
from rnnlab.commands.page import page
from rnnlab.commands.page.chart import Chart
from rnnlab.errors import counted

COLUMNS = 9
"""Groups beside each other in a table of options; more of them are in further tables."""


def render(
    groups: Sequence[Group],
    charts: Sequence[Chart],
    tests: Sequence[Difference],
    *,
    subtitle: str,
    notes: Sequence[str],
) -> str:
    """The page as HTML.

    Args:
        groups: Groups to compare.
        charts: The charts, in order.
        tests: The best group against the others.
        subtitle: One sentence below the title.
        notes: Lines at the top, such as runs that were left out.
    """
    looks = dict(zip([g.entry for g in groups], line_styles(groups), strict=True))
    numbers, entries = run_numbers(groups), list(looks)
    differing = differences(groups)
    return page.render(
        Path(__file__).with_name("compare.html"),
        charts,
        looks,
        [
            {"entry": group.entry, "words": _words(run, group, list(differing))}
            for group in groups
            for run in group.runs
        ],
        title=title(groups),
        subtitle=subtitle,
        notes=notes,
        results=group_rows(groups),
        members=[[numbers[str(run.folder)] for run in group.runs] for group in groups],
        entry_numbers=[entries.index(group.entry) for group in groups],
        metric=tests[0].metric if tests else "",
        tests=sentences(tests),
        intervals=list(intervals(groups, tests[0].metric)) if tests else [],
        fewest=FEWEST,
        resamples=f"{RESAMPLES:,}",
        alarms=alarms(groups),
        verdicts=verdicts(groups),
        watched=any(run.alarms is not None for run in all_runs(groups)),
        groups=groups,
        runs_of_groups=[(run, group) for group in groups for run in group.runs],
        differing=differing,
        columns=COLUMNS,
    )


def intervals(groups: Sequence[Group], metric: str) -> Iterator[dict[str, str]]:
    """Of each group the number of seeds, mean, deviation and interval of a metric."""
    for group in groups:
        values = list(by_seed(group, metric).values())
        row = {"group": group.label, "seeds": str(len(values)), "mean": "-", "sd": "-"}
        if values:
            row["mean"] = f"{fmean(values):.4f}"
        if len(values) > 1:
            row["sd"] = f"{stdev(values):.4f}"
        low, high = bootstrap_interval(values) if len(values) >= FEWEST else (None, None)
        row["from"] = "too few seeds" if low is None else f"{low:.4f}"
        yield row | {"to": "-" if high is None else f"{high:.4f}"}


def _words(run: LoggedRun, group: Group, keys: Sequence[str]) -> str:
    """What a filter finds a run by, in small letters."""
    options = [f"{key}={run.shown(key)}" for key in keys if key in run.config]
    return " ".join(
        [group.label, str(run.folder), f"seed={run.seed}", run.status, *options]
    ).lower()


def title(groups: Sequence[Group]) -> str:
    """What is compared, in a few words."""
    runs = all_runs(groups)
    tasks = dict.fromkeys(run.task for run in runs)
    count = counted(len(runs), "run")
    within = f" in {len(groups)} groups" if 1 < len(groups) < len(runs) else ""
    return f"{', '.join(tasks)}: {count}{within}"


def verdicts(groups: Sequence[Group]) -> dict[str, list[str]]:
    """Folders of the runs by their verdicts, in order."""
    records = [(run.folder, run.record or {}) for run in all_runs(groups)]
    return _by_sentence((where, each) for where, rec in records for each in rec.get("verdict", ()))


def alarms(groups: Sequence[Group]) -> dict[str, list[str]]:
    """Folders of the runs by their alarms, in order."""
    return _by_sentence((run.folder, each) for run in all_runs(groups) for each in run.alarms or ())


def _by_sentence(said: Iterable[tuple[Path, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for folder, sentence in said:
        found.setdefault(sentence, []).append(str(folder))
    return found
