"""Grids, sweeps and several processes, as a user starts them."""

import csv
import json
import os
import subprocess
import sys

import pytest

from runs import SMALL, merged
from tiny import call, refused, start

TINY = ["data.train_size=96", "trainer.max_epochs=1", "trainer.limit_val_batches=1"]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Every test has a working directory of its own."""
    monkeypatch.chdir(tmp_path)


def rnnlab(capsys, *words):
    said = call(capsys, "train", *words)
    assert said.code == 0, said.out + said.err
    return said


def read(table):
    with table.open(newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.slow
def test_grid_writes_a_table_with_the_best_marked(tmp_path, capsys):
    words = merged([*SMALL, *TINY, "cell=rnn,lstm,gru", "seed=1,2"])
    rnnlab(capsys, "-m", *words)
    (table,) = tmp_path.glob("outputs/sweeps/*/jobs.csv")
    rows = read(table)
    assert [(row["cell"], row["seed"]) for row in rows] == [
        (cell, seed) for cell in ("rnn", "lstm", "gru") for seed in ("1", "2")
    ]
    best = [row for row in rows if row["best"] == "*"]
    assert len(best) == 1
    assert float(best[0]["score"]) == max(float(row["score"]) for row in rows)
    folders = [path.parent.name for path in table.parent.glob("*/metrics.json")]
    assert len(folders) == 6
    assert not any(set(name) & set("=,/ ") or len(name) > 90 for name in folders)


@pytest.mark.slow
def test_diverged_trial_does_not_end_a_sweep(tmp_path, capsys):
    words = merged([*SMALL, *TINY, "task=adding", "cell=rnn", "cell.nonlinearity=relu"])
    words = [w for w in words if not w.startswith("embedding")]
    words += ["optimizer=sgd", "optimizer.lr=1e30,0.01", "trainer.gradient_clip_val=null"]
    rnnlab(capsys, "-m", *words)
    (table,) = tmp_path.glob("outputs/sweeps/*/jobs.csv")
    rows = read(table)
    assert [row["status"] for row in rows] == ["diverged", "completed"]
    assert [row["best"] for row in rows] == ["", "*"]


@pytest.mark.slow
def test_optuna_maximises_the_score(tmp_path, capsys):
    pytest.importorskip("hydra_plugins.hydra_optuna_sweeper")
    words = merged([*SMALL, *TINY, "task=adding"])
    words = [w for w in words if not w.startswith("embedding")]
    rnnlab(
        capsys,
        "-m",
        *words,
        "sweep=optuna",
        "hydra.sweeper.n_trials=3",
        "hydra.sweeper.params={cell: 'choice(rnn, gru)', optimizer.lr: 'interval(0.0001, 0.01)'}",
    )
    (table,) = tmp_path.glob("outputs/sweeps/*/jobs.csv")
    rows = read(table)
    assert len(rows) == 3
    (best,) = [row for row in rows if row["best"] == "*"]
    said = next(table.parent.glob("optimization_results.yaml")).read_text()
    assert f"best_value: {best['score']}"[:20] in said


@pytest.mark.slow
@pytest.mark.faults
def test_an_experiment_may_be_a_sweep_whose_jobs_run_side_by_side(tmp_path, capsys):
    words = ["experiment=vanishing", "variant=gru_bias2", "data.lag=2,9", "data.train_size=128"]
    rnnlab(capsys, "-m", *words, "trainer.val_check_interval=1.0")
    (table,) = tmp_path.glob("outputs/sweeps/*/jobs.csv")
    assert [row["data.lag"] for row in read(table)] == ["2", "9"]
    configs = [path.read_text() for path in table.parent.glob("*/config.yaml")]
    assert all("update_bias: 2.0" in text for text in configs)


def test_a_sweep_of_an_experiments_own_needs_no_flag_and_is_checked(capsys):
    said = call(capsys, "train", "experiment=vanishing", "cell.update_bias=1.0")
    assert said.code == 2
    assert "cell.update_bias: RNN has no such option" in said.err  # of one of the variants
    said = refused(call(capsys, "train", "experiment=vanishing", "seed=1,2"))
    assert said.startswith("seed=1,2: several values need -m")


@pytest.mark.slow
@pytest.mark.faults
def test_runs_started_in_one_second_do_not_share_a_folder(tmp_path):
    command = [sys.executable, "-m", "rnnlab", "train", *merged([*SMALL, *TINY])]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    together = [
        subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
        for _ in range(3)
    ]
    assert [process.wait(timeout=240) for process in together] == [0, 0, 0]
    records = list(tmp_path.glob("outputs/delayed_recall-lstm/*/metrics.json"))
    assert len(records) == 3


@pytest.mark.slow
@pytest.mark.ddp
def test_two_processes_train_one_model(tmp_path):
    words = merged([*SMALL, "trainer=ddp", "trainer.accelerator=cpu", "data.train_size=320"])
    words += ["logger=tensorboard", "trainer.devices=2", "hydra.run.dir=run"]
    said = start("train", *merged(words), cwd=tmp_path)
    assert said.code == 0, said.out + said.err
    assert "UserWarning" not in said.err
    record = json.loads((tmp_path / "run/metrics.json").read_text())
    assert record["status"] == "completed"
    assert record["steps"] == 10  # 2 epochs x 10 batches, shared by two
    assert 0 <= record["test"]["accuracy"] <= 1
    assert said.out.count("completed") == 1
