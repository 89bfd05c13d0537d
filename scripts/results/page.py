"""`docs/results.md`, made of records, goals and published figures."""

import shlex
from collections.abc import Iterator, Sequence
from functools import cache
from statistics import mean, stdev

from results.goals import Goal, Goals, Metric
from results.records import Record
from rnnlab.config.compose import compose_words
from rnnlab.runs.tables import as_markdown

HEAD = (
    "# Results\n\n"
    "Made by `python scripts/results_table.py` from [results.json](results.json) and "
    "[results_goals.yaml](results_goals.yaml); not to be edited by hand. "
    "`python scripts/results_table.py RUN ...` adds finished runs.\n\n"
    "Means ± sample standard deviations over seeds. The best epoch is chosen on the validation "
    "split; the test split is evaluated once, with its weights. Minutes are the wall time of the "
    "whole training, validations included; other work may have run beside it, so they are upper "
    "bounds."
)

COLUMNS = (
    *("run", "data", "model", "parameters", "metric", "test", "validation", "seeds"),
    *("epochs", "minutes", "threads", "date"),
)
GOAL_COLUMNS = ("experiment", "metric", "goal", "measured", "reached", "published", "tried")


def render(records: Sequence[Record], goals: Goals) -> str:
    """The whole page."""
    groups = list(grouped(records))
    homes = {goal: goals.section(_task(goal)) for goal in goals.goals}
    parts = [HEAD]
    if not groups:
        parts.append("No run is recorded yet.")
    for title in [*goals.sections, goals.others]:
        mine = [group for group in groups if goals.section(group[0]["task"]) == title]
        targets = [goal for goal in goals.goals if homes[goal] == title]
        if mine or targets:
            parts.append(f"## {title}")
        if mine:
            parts.append(table(COLUMNS, [row(group, goals) for group in mine]))
            parts.append("\n".join(line for group in mine for line in how(group, goals)))
        if targets:
            parts.append(table(GOAL_COLUMNS, [r for g in targets for r in against(g, mine, goals)]))
    return "\n\n".join(parts) + "\n"


def grouped(records: Sequence[Record]) -> Iterator[list[Record]]:
    """Records of one experiment and overrides, by seed."""
    groups: dict[tuple[str, ...], list[Record]] = {}
    for each in records:
        groups.setdefault((each["experiment"] or "", *sorted(each["overrides"])), []).append(each)
    for key in sorted(groups):
        yield sorted(groups[key], key=lambda each: each["seed"])


def spread(values: Sequence[float | None], metric: Metric) -> str:
    """Mean and sample standard deviation in the metric's unit, with the number of seeds.

    `-` where a run lacks the metric.
    """
    known = [value * metric.scale for value in values if value is not None]
    if not known or len(known) < len(values):
        return "-"
    if len(known) == 1:
        return f"{known[0]:.{metric.digits}f} (one seed)"
    digits = metric.digits
    return f"{mean(known):.{digits}f} ± {stdev(known):.{digits}f} (n = {len(known)})"


def row(group: Sequence[Record], goals: Goals) -> list[str]:
    """One line of a section's table."""
    first = group[0]
    name = first["monitor"].rpartition("/")[2]
    metric = goals.metric(name)
    best = _range([each["best_epoch"] for each in group])
    return [
        title(first),
        first["data"],
        first["model"],
        f"{first['parameters'] / 1e6:.2f} M",
        metric.label,
        spread([each["test"].get(name) for each in group], metric),
        spread([each["val"].get(name) for each in group], metric),
        ", ".join(str(each["seed"]) for each in group),
        f"{_range([each['epochs'] for each in group])} (best {best})",
        _range([round(each["minutes"], 1) for each in group]),
        _range([each["threads"] for each in group]),
        max(each["date"] for each in group),
    ]


def how(group: Sequence[Record], goals: Goals) -> Iterator[str]:
    """The command that trains a group again, what it was made with, exact scorer, baseline."""
    first = group[0]
    command = first["command"]
    if len(group) > 1:
        words = shlex.split(command)[2:-1]
        seeds = ",".join(str(each["seed"]) for each in group)
        command = shlex.join(["rnnlab", "train", "-m", *words, f"seed={seeds}"])
    made = dict.fromkeys(
        f"{each['device']}, torch {each['torch']}, revision {each['git']}" for each in group
    )
    yield f"- `{command}`: {'; '.join(made)}"
    name = first["monitor"].rpartition("/")[2]
    for scorer, signature in first["scorers"].items():
        values = [each["test"].get(scorer) for each in group]
        shown = "" if scorer == name else f" {spread(values, goals.metric(scorer))}"
        yield f"  - {scorer}{shown}: `{signature}`"
    beside = [each.get("baseline") for each in group]
    if all(beside):
        metric = goals.metric(name)
        values = [each[name] for each in beside]
        yield f"  - a bag of words, trained beside it: {metric.label} {spread(values, metric)}"


def against(goal: Goal, groups: Sequence[list[Record]], goals: Goals) -> Iterator[list[str]]:
    """Lines of the table of goals: one for each group that has this goal, or one that says none."""
    metric = goals.metric(goal.metric)
    split, _, name = goal.metric.partition("/")
    wanted = "-" if goal.goal is None else f"{goal.goal:.{metric.digits}f}"
    label = f"{split} {metric.label}"
    ends = ["; ".join(goal.published) or "-", goal.tried or "-"]
    mine = [g for g in groups if goals.of(g[0]["experiment"], g[0]["overrides"]) is goal]
    for group in mine:
        values = [each[split].get(name) for each in group]
        measured = [spread(values, metric), _reached(goal, values, metric)]
        yield [title(group[0]), label, wanted, *measured, *ends]
    if not mine:
        what = " ".join([goal.experiment, *goal.overrides])
        yield [f"`{what}`", label, wanted, "not measured", "-", *ends]


def _reached(goal: Goal, values: Sequence[float | None], metric: Metric) -> str:
    if goal.goal is None or any(value is None for value in values):
        return "-"
    found = mean(value * metric.scale for value in values if value is not None)
    behind = found - goal.goal if metric.lower else goal.goal - found
    return "yes" if behind <= 0 else f"no, by {behind:.{metric.digits}f}"


def title(record: Record) -> str:
    """An experiment with its overrides."""
    words = [*([record["experiment"]] if record["experiment"] else []), *record["overrides"]]
    return f"`{' '.join(words)}`"


def table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table, without the end of its last line."""
    return as_markdown([dict(zip(columns, line, strict=True)) for line in rows]).rstrip("\n")


def _range(values: Sequence[float | None]) -> str:
    """`12`, or `12 - 15` of several; `-` where one is unknown."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return "-"
    least, most = min(known), max(known)
    return f"{least}" if least == most else f"{least} - {most}"


@cache
def _task(goal: Goal) -> str:
    words = [f"experiment={goal.experiment}", *goal.overrides]
    return str(compose_words("train", words).choices["task"])
