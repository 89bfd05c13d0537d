"""`rnnlab compare`: read the runs, print their results, write the page."""

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from rnnlab.commands.compare.charts import all_charts
from rnnlab.commands.compare.finding import find_runs
from rnnlab.commands.compare.groups import Group, check_comparable, group_runs
from rnnlab.commands.compare.page import alarms, render, title
from rnnlab.commands.compare.significance import differences, rows, sentences
from rnnlab.commands.compare.table import group_rows, run_rows, statistic_rows
from rnnlab.commands.output import make_folder, writing
from rnnlab.commands.page.figure import Formats, save
from rnnlab.config.command_line import CommandLine
from rnnlab.config.plain_options import read_options
from rnnlab.config.roots import CompareConfig
from rnnlab.errors import ConfigError, RnnlabError, printable, shortened, tell
from rnnlab.files import replacing
from rnnlab.runs.sweep import progress
from rnnlab.runs.sweep_job import has_ledger
from rnnlab.runs.tables import as_markdown, fitted, write_csv

SHOWN = 4
"""Tests that the terminal shows; the page has all."""


def read_line(words: Sequence[str]) -> tuple[list[Path], CompareConfig]:
    """Folders and options from the words behind `compare`.

    Raises:
        ConfigError: An option that does not exist or has no value; no folder.
    """
    line = CommandLine.without_flags(list(words)).overrides
    folders = [word for word in line if "=" not in word or Path(word).exists()]
    paths = [Path(word).expanduser() for word in folders]
    given = read_options(CompareConfig, [word for word in line if word not in folders])
    empty = [f"{name}: no value" for name, value in given.items() if value == ""]
    if empty:
        raise ConfigError("\n".join(empty))
    if not paths:
        raise ConfigError("compare: name at least one run folder or folder of a multirun")
    return paths, CompareConfig(**given)


def _jobs(folder: Path) -> str:
    """How many jobs a sweep has and in which state; those without a result are no runs."""
    from rnnlab.runs.ledger import Ledger  # imports Optuna

    try:
        ledger = Ledger.open(folder)
        return f"jobs     {progress(ledger.jobs(), ledger.plan['sweep']['n_trials'])} | {folder}"
    except (RnnlabError, KeyError) as error:  # the runs can be compared all the same
        return f"jobs     unknown: {printable(str(error))}"


def compare_words(words: Sequence[str]) -> Path:
    """Print the table and write page, figures and tables; the folder that they are in.

    Raises:
        ConfigError, DataError: A user error.
    """
    paths, chosen = read_line(words)
    runs, skipped = find_runs(paths)
    for line in skipped:
        print(f"rnnlab: {printable(line)}", file=sys.stderr)
    for path in filter(has_ledger, paths):
        print(_jobs(path), flush=True)
    check_comparable(runs)
    groups = group_runs(runs, chosen.by, chosen.facet)
    print(fitted(group_rows(groups)), flush=True)
    for sentence in shown(sentences(differences(groups))):
        tell("paired", sentence)
    for alarm, folders in alarms(groups).items():
        tell("alarm", f"{shortened(folders, 2)}: {alarm}")
    folder = make_folder(chosen.output, "outputs/compare")
    with writing(folder):
        write(groups, folder, chosen.figures, skipped)
    print(f"page     {folder / 'compare.html'}", flush=True)
    return folder


def shown(lines: Sequence[str]) -> list[str]:
    """The first few, and how many more the page has."""
    more = len(lines) - SHOWN
    return [*lines[:SHOWN], *([f"{more} more on the page and in tests.csv"] if more > 0 else [])]


def write(
    groups: Sequence[Group],
    folder: Path,
    formats: Formats = "png",
    notes: Sequence[str] = (),
) -> None:
    """Write page, pictures and tables (CSV, Markdown) into a folder that exists."""
    charts, tests = all_charts(groups), differences(groups)
    save(charts, folder, formats, title(groups))
    write_csv(folder / "groups.csv", statistic_rows(groups))
    write_csv(folder / "runs.csv", run_rows(groups))
    if tests:
        write_csv(folder / "tests.csv", list(rows(tests)))
    with replacing(folder / "compare.md") as stream:
        stream.write(as_markdown(group_rows(groups)).encode())
    now = datetime.now().strftime("%Y-%m-%d %H:%M")
    page = render(groups, charts, tests, subtitle=f"As the runs stood on {now}.", notes=notes)
    with replacing(folder / "compare.html") as stream:
        stream.write(page.encode())
