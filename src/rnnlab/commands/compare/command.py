"""`rnnlab compare`: read the runs, print their results, write the page."""

import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from rnnlab.commands.compare.curves import draw, gradients, losses
from rnnlab.commands.compare.finding import find_runs
from rnnlab.commands.compare.groups import Group, all_runs, check_comparable, group_runs
from rnnlab.commands.compare.page import alarms, render, title
from rnnlab.commands.compare.reach import draw_lags, draw_reach
from rnnlab.commands.compare.run import half_lives
from rnnlab.commands.compare.style import RC, headline
from rnnlab.commands.compare.table import group_rows, run_rows, statistic_rows
from rnnlab.commands.output import make_folder, writing
from rnnlab.config.command_line import CommandLine
from rnnlab.config.plain_options import read_options
from rnnlab.config.roots import CompareConfig
from rnnlab.errors import ConfigError, printable
from rnnlab.files import replacing
from rnnlab.runs.tables import as_markdown, as_text, write_csv

TITLES = {
    "loss": "Loss and metric",
    "time_flow": "Gradient through time",
    "input_flow": "Gradient at the inputs",
    "memory": "Memory of the state",
    "half_life_lag": "Half-life and lag",
    "half_life": "Half-life of dL/dh during training",
    "gradients": "Norm of the gradient before clipping",
}
"""Headings of the figures; `page.html` has their captions."""


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


def compare_words(words: Sequence[str]) -> Path:
    """Print the table and write page, figures and tables; the folder that they are in.

    Raises:
        ConfigError, DataError: A user error.
    """
    paths, chosen = read_line(words)
    runs, skipped = find_runs(paths)
    for line in skipped:
        print(f"rnnlab: {printable(line)}", file=sys.stderr)
    check_comparable(runs)
    groups = group_runs(runs, chosen.by)
    print(as_text(group_rows(groups)), flush=True)
    for where, alarm in alarms(groups):
        print(printable(f"alarm    {where}: {alarm}"))
    folder = make_folder(chosen.output, "outputs/compare")
    with writing(folder):
        write(groups, folder, skipped)
    print(f"page     {folder / 'compare.html'}", flush=True)
    return folder


def write(groups: Sequence[Group], folder: Path, notes: Sequence[str] = ()) -> None:
    """Write page, figures (PNG) and tables (CSV, Markdown) into a folder that exists."""
    figures = draw_all(groups)
    with mpl.rc_context(RC):
        for name, figure in figures.items():
            with replacing(folder / f"{name}.png") as stream:
                figure.savefig(stream, dpi=150)
    write_csv(folder / "groups.csv", statistic_rows(groups))
    write_csv(folder / "runs.csv", run_rows(groups))
    with replacing(folder / "compare.md") as stream:
        stream.write(as_markdown(group_rows(groups)).encode())
    now = datetime.now().strftime("%Y-%m-%d %H:%M")
    page = render(groups, figures, TITLES, subtitle=f"As the runs stood on {now}.", notes=notes)
    with replacing(folder / "compare.html") as stream:
        stream.write(page.encode())


def draw_all(groups: Sequence[Group]) -> dict[str, Figure]:
    """All figures for which the runs have logged something, by the names of their files."""
    with mpl.rc_context(RC):
        drawn = {
            "loss": draw(groups, losses(all_runs(groups)), ""),
            "time_flow": draw_lags(groups, "time_flow", "decades of ||dL/dh_t||"),
            "input_flow": draw_lags(groups, "input_flow", "decades of ||dL/dx_t||"),
            "memory": draw_lags(groups, "memory", "decades of ||dh_T/dh_(T-k)||"),
            "half_life_lag": draw_reach(groups),
            "half_life": draw(groups, half_lives, "half-life (steps)"),
            "gradients": draw(groups, gradients, "norm"),
        }
    figures = {name: figure for name, figure in drawn.items() if figure is not None}
    for name, figure in figures.items():
        headline(figure, f"{TITLES[name]} ({title(groups)})")
    return figures
