"""Runs that differ in their seed alone are one group, and labels tell groups apart."""

from dataclasses import replace
from pathlib import Path

import pytest

from rnnlab.commands.compare.events import Log
from rnnlab.commands.compare.groups import (
    MANY,
    by_facet,
    check_comparable,
    differences,
    group_runs,
)
from rnnlab.commands.compare.reading import read_run
from rnnlab.commands.compare.run import LoggedRun
from rnnlab.commands.compare.style import line_styles
from rnnlab.errors import ConfigError

RECORD = {"status": "completed", "steps": 1, "monitor": "val/accuracy", "val": {}, "test": {}}
TARGETS = {"cell": "x.GRU", "data": "x.Recall", "optimizer": "x.Adam"}


def run(task="recall", record=RECORD, **config):
    """A run with a small configuration; `__` in a name is a dot."""
    plain = {"seed": 1, "cell": "GRU", "data": "Recall", "data.lag": 5, "optimizer": "Adam"}
    plain |= {key.replace("__", "."): value for key, value in config.items()}
    return LoggedRun(Path("run"), task, plain, TARGETS, record, Log({}, {}))


def labels(*runs, by=None):
    return [group.label for group in group_runs(runs, by)]


def test_real_runs_of_two_seeds_are_one_group(trained):
    runs = [read_run(folder) for folder in sorted(trained.sweep.iterdir())]
    groups = group_runs(runs)
    assert [(g.label, [r.seed for r in g.runs]) for g in groups] == [
        ("RNN", [1, 2]),
        ("GRU", [1, 2]),
    ]
    assert set(differences(groups)) >= {"seed", "cell", "cell.update_bias", "cell.nonlinearity"}
    assert "data.seed" not in differences(groups)


def test_a_seed_of_the_data_that_follows_is_no_difference_and_one_that_does_not_is():
    follows = [run(seed=seed, data__seed=seed) for seed in (1, 2)]
    fixed = [run(seed=seed, data__seed=7) for seed in (1, 2)]
    groups = group_runs([*follows, *fixed])
    assert [len(group.runs) for group in groups] == [2, 2]
    assert "data.seed" in differences(groups)


def test_a_seed_of_the_data_that_is_one_runs_own_seed_too_does_not_follow():
    assert [len(g.runs) for g in group_runs([run(seed=s, data__seed=1) for s in (1, 2, 3)])] == [3]


def test_what_says_nothing_about_the_result_does_not_part_runs():
    assert len(labels(run(), run(logger="CSVLogger"), run(diagnostics__weight_flow="x"))) == 1
    assert len(labels(run(embedding__root="/a"), run(embedding__root="/b"))) == 1
    assert len(labels(run(), run(trainer__gradient_clip_val=1.0))) == 2


def test_labels_say_as_little_as_will_do():
    assert labels(run(), run(cell="LSTM", cell__forget_bias=1.0)) == ["GRU", "LSTM"]
    assert labels(run(data__lag=5), run(data__lag=10)) == ["lag=5", "lag=10"]
    assert labels(
        run(data__lag=5), run(data__lag=10), run(cell="LSTM", data__lag=5, cell__bias=3)
    ) == ["GRU lag=5", "GRU lag=10", "LSTM lag=5"]
    assert labels(run(cell__dropout=0.1), run(cell__dropout=None, encoder__dropout=0.2)) == [
        "dropout=0.1",
        "dropout=null",
    ]


def test_labels_of_many_options_are_all_different():
    runs = [
        run(cell=cell, data__lag=lag, optimizer__lr=lr, task__dropout=drop)
        for cell in ("GRU", "LSTM")
        for lag in (1, 2, 3)
        for lr in (0.1, 0.2)
        for drop in (0.0, 0.5)
    ]
    assert len(set(labels(*runs))) == len(runs)


def test_by_decides_family_order_and_the_first_word():
    runs = [run(cell=c, data__lag=lag) for c in ("GRU", "LSTM") for lag in (5, 10)]
    groups = group_runs(runs, "data.lag")
    assert [group.family for group in groups] == ["5", "5", "10", "10"]
    assert [group.label for group in groups] == [
        *("lag=5 GRU", "lag=5 LSTM", "lag=10 GRU", "lag=10 LSTM")
    ]
    assert {group.family for group in group_runs(runs)} == {None}


def test_by_seed_parts_the_seeds():
    assert labels(run(seed=1), run(seed=2), by="seed") == ["seed=1", "seed=2"]


def test_more_groups_than_colours_are_coloured_by_what_tells_them_apart():
    runs = [run(cell=c, data__lag=lag) for c in ("GRU", "LSTM") for lag in range(MANY)]
    assert {group.family for group in group_runs(runs, facet="none")} == {"GRU", "LSTM"}


def test_many_groups_are_in_panels_of_the_second_option():
    runs = [run(cell=c, data__lag=lag) for c in ("GRU", "LSTM") for lag in range(MANY)]
    groups = group_runs(runs)
    assert {group.entry for group in groups} == {"GRU", "LSTM"}
    assert [facet for facet, _ in by_facet(groups)] == [f"lag={lag}" for lag in range(MANY)]
    for _, indices in by_facet(groups):
        assert [groups[index].entry for index in indices] == ["GRU", "LSTM"]
        looks = [line_styles(groups)[index] for index in indices]
        assert looks == [line_styles(groups)[0], line_styles(groups)[-1]]
        assert looks[0]["color"] != looks[1]["color"]
    chosen = group_runs(runs, by="data.lag", facet="cell")
    assert {group.facet for group in chosen} == {"GRU", "LSTM"}
    assert {group.family for group in chosen} == {str(lag) for lag in range(MANY)}
    assert {group.facet for group in group_runs(runs[:4])} == {None}


@pytest.mark.parametrize(
    ("by", "hint"),
    [
        ("lr", "did you mean 'optimizer.lr' or 'scheduler.lr'?"),
        ("optimiser.lr", "did you mean 'optimizer.lr'?"),
        ("zzz", "there are: cell, data, data.lag, optimizer, optimizer.lr, scheduler.lr, seed"),
    ],
)
def test_unknown_by(by, hint):
    with pytest.raises(ConfigError, match=f"by: no run has an option '{by}'") as error:
        group_runs([run(optimizer__lr=0.1, scheduler__lr=1)], by)
    assert hint in str(error.value)


def test_tasks_are_compared_where_they_are_measured_alike():
    other = {**RECORD, "monitor": "val/mse"}
    check_comparable([run(), run("copying"), run("adding", record={**other, **RECORD})])
    check_comparable([run("adding", other), run("adding", RECORD)])  # one task: the user's choice
    with pytest.raises(ConfigError, match=r"recall \(val/accuracy\); adding \(val/mse\)"):
        check_comparable([run(), run("adding", other)])


def test_an_unfinished_run_of_another_task_counts_by_what_it_logs(trained):
    running = read_run(trained.running)
    assert running.record is None
    check_comparable([run(), running])
    with pytest.raises(ConfigError, match=r"delayed_recall \(val/accuracy, .*val/f1\)"):
        check_comparable([run("adding", {**RECORD, "monitor": "val/mse"}), running])
    silent = replace(running, log=Log({}, {}))
    with pytest.raises(ConfigError, match=r"delayed_recall \(nothing yet\)"):
        check_comparable([run(), silent])
