"""The comparison in numbers: one row a group, mean and standard deviation over its runs."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10
from statistics import fmean, median, stdev
from typing import Any

from rnnlab.commands.compare.groups import Group, all_runs, differences
from rnnlab.commands.compare.run import UNFINISHED, LoggedRun, half_life
from rnnlab.runs.tables import MISSING, of_a_label

Row = dict[str, Any]


@dataclass(frozen=True)
class Statistic:
    """A metric over the runs of a group.

    Attributes:
        values: The finite values, one a run.
        final: Whether they come from completed runs.
    """

    values: tuple[float, ...]
    final: bool

    def __str__(self) -> str:
        """Mean and sample standard deviation, to the two leading digits of the latter."""
        if not self.values:
            return MISSING
        mean = fmean(self.values)
        if len(self.values) == 1:
            text = f"{mean:.4g}"
        else:
            deviation = stdev(self.values)
            digits = max(0, 1 - floor(log10(deviation))) if deviation else 4
            text = f"{mean:.{digits}f} ± {deviation:.{digits}f}"
        return text if self.final else f"{text} (so far)"


def statistic(runs: Sequence[LoggedRun], metric: str) -> Statistic:
    """A metric over the runs of a group.

    Completed runs count; where there are none, unfinished and interrupted ones with their newest
    values. Diverged runs never count.
    """
    completed = [run for run in runs if run.status == "completed"]
    others = [run for run in runs if run.status in ("interrupted", UNFINISHED)]
    values = (run.metrics.get(metric) for run in completed or others)
    return Statistic(tuple(v for v in values if v is not None and isfinite(v)), bool(completed))


def metric_names(runs: Sequence[LoggedRun]) -> list[str]:
    """The monitored metrics, then all of the test split but those of single labels (`f1_PER`)."""
    names = dict.fromkeys(str(run.record["monitor"]) for run in runs if run.record is not None)
    every = [name for run in runs for name in run.metrics if not of_a_label(name)]
    tests = [name for name in every if name.startswith("test/")]
    if not names:  # no run has ended
        names = dict.fromkeys(every)
    return list(dict.fromkeys([*names, *tests]))


def group_rows(groups: Sequence[Group]) -> list[Row]:
    """The table for people: texts, None where there is nothing to show."""
    runs = all_runs(groups)
    flows = any(half_life(run) is not None for run in runs)
    watched = any(run.alarms is not None for run in runs)
    rows: list[Row] = []
    for group in groups:
        row: Row = {"group": group.label, "runs": str(len(group.runs)), "status": status(group)}
        row |= {name: str(statistic(group.runs, name)) for name in metric_names(runs)}
        if flows:
            lives = [life for life in map(half_life, group.runs) if life is not None]
            row["half-life (steps)"] = f"{median(lives):.3g}" if lives else None
        if watched:
            known = [run.alarms for run in group.runs if run.alarms is not None]
            row["alarms"] = str(sum(map(len, known))) if known else None
        records = [run.record for run in group.runs if run.record is not None]
        if records:
            speed = fmean(record.get("train_tokens_per_second") or 0.0 for record in records)
            row["parameters"] = f"{max(record.get('parameters', 0) for record in records):,}"
            row["tokens/s"] = f"{speed:,.0f}"
        rows.append(row)
    return rows


def status(group: Group) -> str:
    """How its runs ended: `2 completed, 1 diverged at step 40`."""
    counts = Counter(run.status for run in group.runs)
    if set(counts) == {"completed"}:
        return "completed"
    parts = []
    for name, count in counts.items():
        steps = sorted({run.step for run in group.runs if run.status == name})
        at = "" if name == "completed" else f" at step {', '.join(f'{step:,}' for step in steps)}"
        parts.append((f"{count} " if len(group.runs) > 1 else "") + name + at)
    return ", ".join(parts)


def run_rows(groups: Sequence[Group]) -> list[Row]:
    """One row a run, with plain numbers for programs."""
    keys = list(differences(groups))
    rows: list[Row] = []
    for group in groups:
        for run in group.runs:
            row: Row = {"folder": str(run.folder), "group": group.label, "status": run.status}
            row |= {"steps": run.step, "seed": run.seed}
            row |= {key: run.shown(key) for key in keys if key != "seed"}
            row |= {name: value for name, value in run.metrics.items() if value is not None}
            life = half_life(run)
            if life is not None:
                row["half_life"] = life
            if run.alarms is not None:
                row["alarms"] = len(run.alarms)
            rows.append(row)
    return rows


def statistic_rows(groups: Sequence[Group]) -> list[Row]:
    """One row a group, with plain numbers: mean, standard deviation and count of each metric."""
    runs = all_runs(groups)
    rows: list[Row] = []
    for group in groups:
        row: Row = {"group": group.label, "runs": len(group.runs), "status": status(group)}
        for name in metric_names(runs):
            values = statistic(group.runs, name).values
            row[f"{name} mean"] = fmean(values) if values else ""
            row[f"{name} sd"] = stdev(values) if len(values) > 1 else ""
            row[f"{name} n"] = len(values)
        rows.append(row)
    return rows
