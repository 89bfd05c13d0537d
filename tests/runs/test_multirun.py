"""Grids, sweeps and several processes, as a user starts them."""

import csv
import json
import os
import shlex
import signal
import subprocess
import sys
import time

import optuna
import psutil
import pytest
from lightning import Callback

from rnnlab.errors import Interrupted
from rnnlab.runs import train
from rnnlab.runs.ledger import Ledger
from runs import SMALL, merged
from tiny import SMALL as QUICK
from tiny import call, refused, sentiment, start, write

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
    said = rnnlab(capsys, "-m", *words)
    assert "completed" in said.out
    assert "test     label" not in said.out  # the classes one by one are in report.json
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
    words = merged([*SMALL, *TINY, "task=adding"])
    words = [w for w in words if not w.startswith("embedding")]
    rnnlab(
        capsys,
        "-m",
        *words,
        "sweep=optuna",
        "sweep.n_trials=3",
        "hydra.sweeper.params={cell: 'choice(rnn, gru)', optimizer.lr: 'interval(0.0001, 0.01)'}",
    )
    (table,) = tmp_path.glob("outputs/sweeps/*/jobs.csv")
    rows = read(table)
    assert len(rows) == 3
    (best,) = [row for row in rows if row["best"] == "*"]
    study = optuna.load_study(study_name="sweep", storage=f"sqlite:///{table.parent}/ledger.db")
    assert str(study.best_value) == best["score"]
    assert {row["cell"] for row in rows} == {trial.params["cell"] for trial in study.trials}


def test_a_job_that_fails_is_a_row_with_its_reason_and_can_be_done_again(tmp_path, capsys):
    files = sentiment(tmp_path / "data")
    bad = write(tmp_path / "bad.tsv", "no tab\n")
    train = next(word for word in files if word.startswith("data.train="))
    words = [*(w for w in files if w != train), f"{train},{bad}", *QUICK, "seed=1,2", "-m"]
    words.append("hydra.sweep.dir=sweep")
    said = call(capsys, "train", *words)
    reason = f"{bad}:1: text<TAB>label needs one tab, not 0"
    assert said.code == 1
    assert said.err.startswith(f"rnnlab: 2 of 4 jobs failed, the first one: {reason}")
    rows = read(tmp_path / "sweep/jobs.csv")
    assert [row["status"] for row in rows] == ["completed"] * 2 + ["failed"] * 2
    assert [row["reason"][: len(reason)] for row in rows] == ["", "", reason, reason]
    assert [row["best"] for row in rows].count("*") == 1
    compared = call(capsys, "compare", "sweep", "output=compared")
    assert compared.out.startswith("jobs     4: 2 completed, 2 failed | sweep\n"), compared
    before = [json.loads(f.read_text()) for f in sorted(tmp_path.glob("sweep/[01]_*/metrics.json"))]
    write(bad, (tmp_path / "data/train.tsv").read_text())
    said = call(capsys, "train", *words)
    assert said.code == 0, said.err
    assert said.out.count("\ncompleted  val") == 2
    after = [json.loads(f.read_text()) for f in sorted(tmp_path.glob("sweep/[01]_*/metrics.json"))]
    assert after == before
    assert {row["status"] for row in read(tmp_path / "sweep/jobs.csv")} == {"completed"}


def test_a_job_does_not_write_over_another_run_in_its_folder(tmp_path, capsys):
    words = merged([*SMALL, *TINY, "seed=1,2", "hydra.sweep.dir=sweep", "hydra.sweep.subdir=same"])
    said = call(capsys, "train", "-m", *words)
    assert said.code == 1
    assert "failed     hydra.run.dir: sweep/same holds a run already" in said.out
    assert json.loads((tmp_path / "sweep/same/metrics.json").read_text())["seed"] == 1


@pytest.mark.faults
def test_ctrl_c_says_what_is_left_and_how_to_go_on(tmp_path, capsys, monkeypatch):
    words = merged([*SMALL, *TINY, "seed=1,2,3", "hydra.sweep.dir=sweep"])
    real, started = train.build_callbacks, []

    class CtrlC(Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            if len(started) == 2:
                os.kill(os.getpid(), signal.SIGTERM)

    def callbacks(*given):
        started.append(1)
        return [CtrlC(), *real(*given)]

    with monkeypatch.context() as patch:
        patch.setattr(train, "build_callbacks", callbacks)
        said = call(capsys, "train", "-m", *words)
    assert (said.code, said.err) == (130, "rnnlab: interrupted\n")
    (told,) = [line for line in said.out.splitlines() if line.startswith("stopped  ")]
    told, _, again = told.partition("; the others: rnnlab ")
    assert again == "train -m resume=sweep"
    assert told == "stopped  1 of 3 jobs are done"
    assert call(capsys, *shlex.split(again)).code == 0
    rows = read(tmp_path / "sweep/jobs.csv")
    assert [(row["status"], row["seed"]) for row in rows] == [
        ("completed", seed) for seed in ("1", "2", "3")
    ]
    (tmp_path / "whole").mkdir()
    rnnlab(capsys, "-m", *merged([*words, "hydra.sweep.dir=whole"]))
    whole = read(tmp_path / "whole/jobs.csv")
    assert [row["test/loss"] for row in rows] == [row["test/loss"] for row in whole]


def test_a_job_that_was_killed_before_it_saved_its_state_begins_again(
    tmp_path, capsys, monkeypatch
):
    words = merged([*SMALL, *TINY, "seed=1,2", "hydra.sweep.dir=sweep"])

    class CtrlC(Callback):
        def on_train_start(self, trainer, pl_module):
            raise Interrupted

    real = train.build_callbacks
    with monkeypatch.context() as patch:
        patch.setattr(train, "build_callbacks", lambda *given: [CtrlC(), *real(*given)])
        assert call(capsys, "train", "-m", *words).code == 130
    (folder,) = tmp_path.glob("sweep/0_*")
    (folder / "metrics.json").unlink()
    write(folder / "checkpoints/best.ckpt", "half")
    write(folder / "checkpoints/.last.ckpt.part", "half")
    rnnlab(capsys, "-m", "resume=sweep")
    assert [row["status"] for row in read(tmp_path / "sweep/jobs.csv")] == ["completed"] * 2


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_end_of_a_sweep_is_the_end_of_its_workers(tmp_path, number):
    """The jobs that train save their state; the third one is never begun."""
    words = merged([*SMALL, "seed=1,2,3", "trainer.max_epochs=4000", "launcher=parallel"])
    words += ["hydra.sweep.dir=sweep", "launcher.max_parallel=2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "rnnlab", "train", "-m", *words],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    for _ in range(900):
        if len(list(tmp_path.glob("sweep/*/checkpoints/last.ckpt"))) == 2:
            break
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.1)
    workers = psutil.Process(process.pid).children(recursive=True)
    assert len(workers) == 2
    process.send_signal(number)
    _, alive = psutil.wait_procs(workers, timeout=30)
    for worker in alive:
        worker.kill()
    assert not alive
    said, _ = process.communicate(timeout=120)
    assert not list(tmp_path.glob("sweep/2_*/checkpoints/*"))
    if number == signal.SIGTERM:
        assert process.returncode == 130, said
        assert "stopped  0 of 3 jobs are done; the others: rnnlab train -m resume=sweep" in said
    records = [json.loads(file.read_text()) for file in tmp_path.glob("sweep/*/metrics.json")]
    assert [record["status"] for record in records] == ["interrupted"] * 2
    assert all(record["steps"] > 0 for record in records)
    jobs = Ledger.open(tmp_path / "sweep").jobs()
    assert [job.state for job in jobs] == ["interrupted", "interrupted", "waiting"]


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
