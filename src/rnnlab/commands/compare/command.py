"""`rnnlab compare`: read the runs, print their results, write the page."""

import sys
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path

import matplotlib as mpl

from rnnlab.commands.compare.curves import draw, flows, gradients, losses
from rnnlab.commands.compare.finding import find_runs
from rnnlab.commands.compare.groups import Group, check_comparable, group_runs
from rnnlab.commands.compare.lags import draw_lags
from rnnlab.commands.compare.page import Picture, render, title
from rnnlab.commands.compare.reach import draw_reach
from rnnlab.commands.compare.style import RC
from rnnlab.commands.compare.table import group_rows, run_rows, statistic_rows
from rnnlab.commands.output import writing
from rnnlab.config.command_line import CommandLine
from rnnlab.config.roots import CompareConfig
from rnnlab.config.schema import options
from rnnlab.config.validate import node_problems
from rnnlab.errors import ConfigError
from rnnlab.runs.folders import dated
from rnnlab.runs.tables import as_markdown, as_text, write_csv

HOME = Path("outputs") / "compare"
"""Where a folder named by the time is made if `output` names none."""

REACH = (
    "One mark a run. The half-life is that of the layer that reaches back farthest, at the last "
    "measurement; the thin line comes from the first one. Above the dotted line more than half of "
    "the gradient is left after the lag that the task needs."
)
LIFE = (
    "Steps back in time after which the norm of the loss's gradient in the hidden state has halved."
)
FLOW = (
    "log10 of ||dL/dh_t|| against how many steps before a sequence's end t is, as the layer reads, "
    "relative to the end itself: a line that falls to -3 at lag 50 means that a thousandth of the "
    "gradient reaches 50 steps back. `/cell` is dL/dc_t of an LSTM. Where every step has a loss of "
    "its own the line is flat whatever the net remembers. Thick: last measured, thin: first."
)
MEMORY = (
    "log10 of ||dh_T/dh_(T-k)|| against k, relative to k = 0: how much of a state is left in later "
    "ones, whatever the task's loss asks for. Thick: last measured, thin: first."
)
NORMS = "L2 norms; a kernel's norm is taken over all of its gates, so that cells can be compared."


def read_options(words: Sequence[str]) -> tuple[list[Path], CompareConfig]:
    """Folders and options from the words behind `compare`.

    Raises:
        ConfigError: An option that does not exist or has no value; no folder.
    """
    paths: list[Path] = []
    given: dict[str, str] = {}
    for word in CommandLine.without_flags(list(words)).overrides:
        name, equals, value = word.partition("=")
        if not equals or Path(word).exists():
            paths.append(Path(word))
        else:
            given[name] = value
    problems = list(node_problems("", given, options(CompareConfig)))
    problems += [f"{name}: no value" for name, value in given.items() if not value]
    if problems:
        raise ConfigError("\n".join(problems))
    if not paths:
        raise ConfigError("compare: name at least one run folder or folder of a multirun")
    return paths, CompareConfig(**given)


def compare_words(words: Sequence[str]) -> Path:
    """Print the table and write page, figures and tables; the folder that they are in.

    Raises:
        ConfigError, DataError: A user error.
    """
    paths, chosen = read_options(words)
    runs, skipped = find_runs(paths)
    for line in skipped:
        print(f"rnnlab: {line}", file=sys.stderr)
    check_comparable(runs)
    groups = group_runs(runs, chosen.by)
    print(as_text(group_rows(groups)), flush=True)
    for group in groups:
        for run in group.runs:
            for alarm in run.alarms or ():
                print(f"alarm    {run.folder}: {alarm}")
    output = Path(chosen.output).expanduser() if chosen.output else None
    with writing(output or HOME):
        folder = output or dated(HOME)
        folder.mkdir(parents=True, exist_ok=True)
        write(groups, folder, skipped)
    print(f"page     {folder / 'compare.html'}", flush=True)
    return folder


def write(groups: Sequence[Group], folder: Path, notes: Sequence[str] = ()) -> None:
    """Write page, figures (PNG) and tables (CSV, Markdown) into a folder that exists."""
    with mpl.rc_context(RC):
        made = list(pictures(groups))
    for picture in made:
        picture.png(folder / f"{picture.name}.png")
    write_csv(folder / "groups.csv", statistic_rows(groups))
    write_csv(folder / "runs.csv", run_rows(groups))
    (folder / "compare.md").write_text(as_markdown(group_rows(groups)), encoding="utf-8")
    now = datetime.now().strftime("%Y-%m-%d %H:%M")
    page = render(groups, made, subtitle=f"As the runs stood on {now}.", notes=notes)
    (folder / "compare.html").write_text(page, encoding="utf-8")


def pictures(groups: Sequence[Group]) -> Iterator[Picture]:
    """All figures for which the runs have logged something."""
    runs = [run for group in groups for run in group.runs]
    of = f" ({title(groups)})"
    lines = "Thin lines are runs, thick ones the mean over the completed runs of a group."
    loss = draw(groups, losses(runs), title=f"Loss and metric during training{of}", unit="")
    if loss is not None:
        yield Picture("loss", "Loss and metric", lines, loss)
    for name, heading, quantity, caption in (
        ("time_flow", "Gradient through time", "dL/dh_t", FLOW),
        ("memory", "Memory of the state", "dh_T/dh_(T-k)", MEMORY),
    ):
        lags = draw_lags(groups, name, title=f"{heading}{of}", unit=f"decades of ||{quantity}||")
        if lags is not None:
            yield Picture(name, heading, caption, lags)
    reach = draw_reach(groups, of)
    if reach is not None:
        yield Picture("half_life_lag", "Half-life and lag", REACH, reach)
    lives = draw(
        groups, flows, title=f"Half-life of dL/dh during training{of}", unit="half-life (steps)"
    )
    if lives is not None:
        yield Picture("half_life", "Half-life during training", f"{LIFE} {lines}", lives)
    norms = draw(groups, gradients, title=f"Norm of the gradient before clipping{of}", unit="norm")
    if norms is not None:
        yield Picture("gradients", "Gradient norms", f"{NORMS} {lines}", norms)
