"""The numbers in the tables: which runs count, mean and deviation, how they are written."""

import csv
import math
from dataclasses import replace
from statistics import mean, stdev

import pytest

from rnnlab.commands.compare.events import Log
from rnnlab.commands.compare.finding import find_runs
from rnnlab.commands.compare.groups import Group, group_runs
from rnnlab.commands.compare.reading import read_run
from rnnlab.commands.compare.run import UNFINISHED
from rnnlab.commands.compare.table import (
    Statistic,
    group_rows,
    metric_names,
    run_rows,
    statistic,
    statistic_rows,
    status,
)
from rnnlab.runs.tables import as_markdown, write_csv


@pytest.fixture(scope="module")
def gru(trained):
    """The runs of the GRU with two seeds."""
    return [read_run(folder) for folder in sorted(trained.sweep.glob("*gru*"))]


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ((), "-"),
        ((0.51234,), "0.5123"),
        ((40.7,), "40.7"),
        ((1.0, 1.0), "1.0000 ± 0.0000"),
        ((0.5, 0.7), "0.60 ± 0.14"),  # sd = 0.1 sqrt 2
        ((0.85, 0.852, 0.854), "0.8520 ± 0.0020"),
        ((100.0, 400.0), "250 ± 212"),
        ((0.1 - 1e-9, 0.1 + 1e-9), "0.1000000000 ± 0.0000000014"),
    ],
)
def test_mean_and_deviation_to_the_digits_that_mean_something(values, text):
    assert str(Statistic(values, final=True)) == text


def test_what_is_not_final_says_so():
    assert str(Statistic((0.5,), final=False)) == "0.5 (so far)"


def test_completed_runs_count_and_others_only_without_them(gru, trained):
    diverged = replace(read_run(trained.diverged), log=gru[0].log)
    running = read_run(trained.running)
    recorded = [run.record["val"]["accuracy"] for run in gru]
    found = statistic([*gru, running, diverged], "val/accuracy")
    assert found == Statistic(tuple(recorded), final=True)
    assert statistic([running, diverged], "val/accuracy") == Statistic(
        (running.log.scalars["val/accuracy"].last,), final=False
    )
    assert statistic([diverged], "val/loss") == Statistic((), final=False)


@pytest.mark.parametrize("value", [None, math.inf, -math.inf, math.nan])
def test_a_metric_that_was_not_finite_does_not_count(gru, value):
    record = {**gru[0].record, "test": {"accuracy": value}}
    runs = [replace(gru[0], record=record), gru[1]]
    assert statistic(runs, "test/accuracy").values == (gru[1].record["test"]["accuracy"],)


def test_metrics_of_single_labels_are_left_out_and_others_are_not(gru):
    test = {"f1": 0.5, "f1_PER": 0.4, "balanced_accuracy": 0.6, "bleu_lower": 7.0}
    runs = [replace(gru[0], record={**gru[0].record, "test": test})]
    names = [name for name in metric_names(runs) if name.startswith("test/")]
    assert names == ["test/f1", "test/balanced_accuracy", "test/bleu_lower"]


def test_alarms_that_were_withdrawn_are_none(gru):
    texts = {
        "alarm/vanishing": ["vanishing at step 10: a", "vanishing at step 10: a"],
        "alarm/dead": ["dead at step 5: b"],
        "alarm/withdrawn": ["withdrawn at step 20, it learns: vanishing at step 10: a"],
    }
    run = replace(gru[0], record=None, log=Log({}, texts))
    assert run.alarms == ["dead at step 5: b"]


def test_how_a_group_ended(gru, trained):
    running = read_run(trained.running)
    diverged = read_run(trained.diverged)
    assert status(Group("", tuple(gru), None)) == "completed"
    assert status(Group("", (diverged,), None)) == f"diverged at step {diverged.step}"
    assert (running.status, 0 < running.step < gru[0].step) == (UNFINISHED, True)
    said = f"2 completed, 1 unfinished at step {running.step}"
    assert status(Group("", (*gru, running), None)) == said


def test_tables_hold_what_the_records_say(trained, tmp_path):
    runs, _ = find_runs([trained.sweep])
    groups = group_runs(runs)
    names = ["val/accuracy", "test/loss", "test/accuracy", "test/f1", "test/balanced_accuracy"]
    assert metric_names(runs) == names
    write_csv(tmp_path / "groups.csv", statistic_rows(groups))
    write_csv(tmp_path / "runs.csv", run_rows(groups))
    with (tmp_path / "groups.csv").open(newline="") as stream:
        by_group = {row["group"]: row for row in csv.DictReader(stream)}
    with (tmp_path / "runs.csv").open(newline="") as stream:
        by_run = list(csv.DictReader(stream))
    assert [row["seed"] for row in by_run] == ["1", "2", "1", "2"]
    for group in groups:
        losses = [run.record["test"]["loss"] for run in group.runs]
        row = by_group[group.label]
        assert float(row["test/loss mean"]) == pytest.approx(mean(losses))
        assert float(row["test/loss sd"]) == pytest.approx(stdev(losses))
        assert row["test/loss n"] == "2"
        assert [float(r["test/loss"]) for r in by_run if r["group"] == group.label] == losses
    shown = as_markdown(group_rows(groups)).splitlines()
    assert len(shown) == 2 + len(groups)
    assert len({line.count("|") for line in shown}) == 1


def test_no_alarm_is_something_else_than_nobody_watching(gru):
    calm, loud = (
        replace(run, record={**run.record, "alarms": alarms})
        for run, alarms in zip(gru, ([], ["vanishing: in layer 0"]), strict=True)
    )
    silent = [replace(run, record={k: v for k, v in run.record.items() if k != "alarms"},
                      log=Log(run.log.scalars, {})) for run in gru]  # fmt: skip
    counts = {
        name: group_rows([Group("", tuple(runs), None)])[0].get("alarms")
        for name, runs in {"silent": silent, "calm": [calm], "both": [calm, loud]}.items()
    }
    assert counts == {"silent": None, "calm": "0", "both": "1"}
    rows = group_rows([Group("a", tuple(silent), None), Group("b", (loud,), None)])
    assert [row["alarms"] for row in rows] == [None, "1"]
