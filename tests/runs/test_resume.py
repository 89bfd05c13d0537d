"""A run that was stopped and resumed equals one that was not, bit for bit."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from lightning import Callback

from rnnlab.config.compose import compose_words
from rnnlab.errors import CheckpointError, ConfigError
from rnnlab.runs import train
from rnnlab.runs.folders import claimed
from rnnlab.runs.resume import resume_run
from rnnlab.tasks.classify import Classify
from rnnlab.training.archive import write_archive
from rnnlab.training.checkpoint import load_plain
from rnnlab.training.snapshot import Snapshot
from runs import SMALL, StopAt, equal, merged, small_run, weights
from tiny import SMALL as TINY
from tiny import call, sentiment, write

WORDS = [
    "encoder.num_layers=2",
    "encoder.dropout=0.3",
    "encoder.input_dropout=0.2",
    "trainer.accumulate_grad_batches=3",
    "data.train_size=480",
    "checkpoint.every_n_steps=2",
]


@pytest.mark.parametrize(
    ("cell", "epoch", "batch"), [("rnn", 0, 7), ("lstm", 1, 4), ("gru", 0, 14), ("lstm", 0, 7)]
)
def test_stopped_and_resumed_is_as_if_never_stopped(
    tmp_path, monkeypatch, capsys, cell, epoch, batch
):
    words = [*WORDS, f"cell={cell}", "trainer.max_epochs=3", "scheduler=plateau"]
    words += ["scheduler.patience=0", "optimizer.lr=0.3"]  # the schedule must act, and go on
    words += ["checkpoint.max_overhead=1"]  # write at every interval, whatever it costs
    whole = small_run(tmp_path / "whole", *words)
    real = train.build_callbacks
    with monkeypatch.context() as patch:
        patch.setattr(train, "build_callbacks", lambda *a: [*real(*a), StopAt(batch, epoch)])
        stopped = small_run(tmp_path / "stopped", *words)
    assert stopped.status == "interrupted"
    assert re.search(r"^interrupted +(val\.|\|)", capsys.readouterr().out, re.M)
    resumed = resume_run(tmp_path / "stopped", [], [])
    assert resumed.status == "completed"
    equal(tmp_path / "whole/checkpoints/last.ckpt", tmp_path / "stopped/checkpoints/last.ckpt")
    equal(tmp_path / "whole/checkpoints/best.ckpt", tmp_path / "stopped/checkpoints/best.ckpt")
    assert resumed.record["test"] == whole.record["test"]
    assert resumed.record["steps"] == whole.record["steps"]


@pytest.mark.parametrize("place", ["loss", "update", "callback", "optimizer"])
def test_only_errors_of_restoring_are_the_checkpoints(tmp_path, monkeypatch, place):
    small_run(tmp_path / "run", "trainer.max_epochs=1")

    def fail(*given, **named):
        raise ValueError("my own mistake")

    class Mine(Callback):
        setup = on_train_batch_start = staticmethod(fail)

    if place == "callback":
        real = train.build_callbacks
        monkeypatch.setattr(train, "build_callbacks", lambda *given: [*real(*given), Mine()])
    elif place == "optimizer":
        file = tmp_path / "run/checkpoints/last.ckpt"
        content = load_plain(file)
        states = content["optimizer_states"][0]["state"]
        states[1]["exp_avg"] = torch.zeros(3)
        write_archive(content, file)
    else:
        monkeypatch.setattr(Classify, place, fail)
    expected = (
        pytest.raises(CheckpointError, match="cannot be continued from it")
        if place == "optimizer"
        else pytest.raises(ValueError, match=r"^my own mistake$")
    )
    with expected:
        resume_run(tmp_path / "run", ["trainer.max_epochs=2"], [])


def test_more_epochs_are_accepted(tmp_path):
    small_run(tmp_path / "run", "trainer.max_epochs=1")
    more = resume_run(tmp_path / "run", ["trainer.max_epochs=3"], [])
    whole = small_run(tmp_path / "whole", "trainer.max_epochs=3")
    assert more.record["epochs"] == 3
    assert more.record["test"] == whole.record["test"]


def test_the_record_of_the_part_before_stays_until_the_new_one(tmp_path, monkeypatch):
    folder = tmp_path / "run"
    small_run(folder, "trainer.max_epochs=1")
    before = (folder / "metrics.json").read_text()
    real = train.conclude
    found = []

    def conclude(*args, **options):
        found.append((folder / "metrics.json").read_text())
        return real(*args, **options)

    monkeypatch.setattr(train, "conclude", conclude)
    resume_run(folder, ["trainer.max_epochs=2"], [])
    assert found == [before]
    assert json.loads((folder / "metrics.json").read_text())["epochs"] == 2


class CtrlC(Callback):
    """What a SIGINT does, before a batch."""

    def __init__(self, batch):
        self.batch = batch

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if batch_idx == self.batch:
            snapshot = next(c for c in trainer.callbacks if isinstance(c, Snapshot))
            snapshot._request_stop(signal.SIGINT, None)


@pytest.mark.parametrize(
    ("accumulate", "interval", "batch", "steps"),
    [
        (3, 6, 4, 2),  # the step of batch 5 coincides with a validation
        (3, 6, 5, 2),
        (2, 3, 2, 2),  # a validation in the middle of an accumulation
        (2, 3, 4, 3),  # and at its end
        (1, 1, 2, 3),  # a validation after every batch
        (1, 4, 3, 4),
    ],
)
def test_ctrl_c_ends_with_the_step_or_its_validation(
    tmp_path, monkeypatch, accumulate, interval, batch, steps
):
    words = ["trainer.max_epochs=1", f"trainer.accumulate_grad_batches={accumulate}"]
    words += [f"trainer.val_check_interval={interval}", "encoder.dropout=0.3", "scheduler=plateau"]
    whole = small_run(tmp_path / "whole", *words)
    real = train.build_callbacks
    with monkeypatch.context() as patch:
        patch.setattr(train, "build_callbacks", lambda *a: [CtrlC(batch), *real(*a)])
        stopped = small_run(tmp_path / "cut", *words)
    assert (stopped.status, stopped.record["steps"]) == ("interrupted", steps)
    resumed = resume_run(tmp_path / "cut", [], [])
    equal(tmp_path / "whole/checkpoints/last.ckpt", tmp_path / "cut/checkpoints/last.ckpt")
    for key in ("val", "test", "steps", "best_epoch"):
        assert resumed.record[key] == whole.record[key]


def test_a_run_that_lost_its_patience_goes_on_with_more_alone(tmp_path):
    # nothing is learnt at this rate: no validation is better than the first
    words = ["optimizer=sgd", "optimizer.lr=1e-12", "trainer.max_epochs=9"]
    first = small_run(tmp_path / "run", *words, "early_stopping.patience=2")
    assert first.record["epochs"] == 3
    with pytest.raises(ConfigError, match=r"ended by early_stopping\.patience=2; .*patience=3"):
        resume_run(tmp_path / "run", [], [])
    assert json.loads((tmp_path / "run/metrics.json").read_text())["epochs"] == 3
    more = resume_run(tmp_path / "run", ["early_stopping.patience=4"], [])
    whole = small_run(tmp_path / "whole", *words, "early_stopping.patience=4")
    assert more.record["epochs"] == whole.record["epochs"] == 5


def test_trainer_options_that_do_not_fit_are_refused_before_anything_is_lost(tmp_path):
    small_run(tmp_path / "run", "trainer.max_epochs=1")
    before = (tmp_path / "run/metrics.json").read_text(), (tmp_path / "run/config.yaml").read_text()
    for word, message in {
        "trainer.strategy=magic": "magic",
        "trainer.max_time=soon": "not a valid duration",
        "trainer.limit_val_batches=0": "early_stopping.patience: needs validations",
        "trainer.val_check_interval=1000": "an epoch has 10",
    }.items():
        more = ["trainer.max_epochs=2", "early_stopping.patience=1", word]
        with pytest.raises(ConfigError, match=message):
            resume_run(tmp_path / "run", more, [])
    after = (tmp_path / "run/metrics.json").read_text(), (tmp_path / "run/config.yaml").read_text()
    assert after == before


@pytest.mark.parametrize("word", ["trainer.max_epochs=2", "trainer.max_steps=20"])
def test_a_run_that_was_killed_before_its_test_is_tested(tmp_path, word):
    words = ["trainer.max_epochs=3", word]
    first = small_run(tmp_path / "run", *words)
    last = (tmp_path / "run/checkpoints/last.ckpt").read_bytes()
    (tmp_path / "run/metrics.json").unlink()
    again = resume_run(tmp_path / "run", [], [])
    for key in ("status", "score", "val", "test", "steps", "epochs", "best_epoch"):
        assert again.record[key] == first.record[key], key
    assert (tmp_path / "run/checkpoints/last.ckpt").read_bytes() == last


def test_a_run_that_ran_out_of_patience_and_was_killed_is_tested(tmp_path):
    words = ["optimizer=sgd", "optimizer.lr=1e-12", "trainer.max_epochs=9"]
    first = small_run(tmp_path / "run", *words, "early_stopping.patience=1")
    (tmp_path / "run/metrics.json").write_text("{")
    again = resume_run(tmp_path / "run", [], [])
    assert again.record["epochs"] == first.record["epochs"] == 2
    assert again.record["test"] == first.record["test"]


def test_a_record_of_fewer_epochs_does_not_hide_that_the_last_were_not_tested(tmp_path):
    small_run(tmp_path / "run", "trainer.max_epochs=1")
    before = (tmp_path / "run/metrics.json").read_text()
    more = resume_run(tmp_path / "run", ["trainer.max_epochs=2"], [])
    (tmp_path / "run/metrics.json").write_text(before)
    assert resume_run(tmp_path / "run", [], []).record["test"] == more.record["test"]


def test_relative_paths_are_those_of_the_folder_of_the_start(tmp_path, monkeypatch, capsys):
    words = [*sentiment(tmp_path / "here"), *TINY, "hydra.run.dir=run"]
    elsewhere = tmp_path / "some" / "where"
    elsewhere.mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    assert call(capsys, "train", *[w.replace(f"{tmp_path}/here/", "") for w in words]).code == 0
    monkeypatch.chdir(elsewhere)
    said = call(capsys, "train", "resume=../../here/run", "trainer.max_epochs=2")
    assert said.code == 0, said.err
    assert json.loads((tmp_path / "here/run/metrics.json").read_text())["epochs"] == 2
    assert list(Path().iterdir()) == []
    (tmp_path / "here/train.tsv").rename(elsewhere / "moved.tsv")
    more = ["resume=../../here/run", "trainer.max_epochs=3"]
    said = call(capsys, "train", *more)
    assert (said.code, said.err) == (2, "rnnlab: train.tsv: no such file\n")
    assert call(capsys, "train", *more, "data.train=moved.tsv").code == 0
    write(elsewhere / "other.tsv", "a film\tpos\nno film\tneg\n")
    more = ["resume=../../here/run", "trainer.max_epochs=4", "data.train=other.tsv"]
    said = call(capsys, "train", *more)
    assert said.code == 2
    assert "other.tsv changed since the run began" in said.err


def test_one_process_a_folder(tmp_path, monkeypatch):
    small_run(tmp_path / "run", "trainer.max_epochs=1")
    code = (
        "import sys, time; from pathlib import Path; from rnnlab.runs.folders import claimed\n"
        "with claimed(Path(sys.argv[1]), resume=True): print(flush=True); time.sleep(99)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "run")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline()
        for resume in (True, False):
            with (
                pytest.raises(ConfigError, match="another process trains in this folder"),
                claimed(tmp_path / "run", resume=resume),
            ):
                pass
        with monkeypatch.context() as child:  # of a run of several processes
            child.setenv("LOCAL_RANK", "1")
            with claimed(tmp_path / "run", resume=False):
                pass
        other.kill()
        other.wait()
    assert resume_run(tmp_path / "run", ["trainer.max_epochs=2"], []).status == "completed"


def test_a_folder_with_checkpoints_of_a_killed_run_is_not_written_over(tmp_path):
    small_run(tmp_path / "run", "trainer.max_epochs=1")
    (tmp_path / "run/metrics.json").unlink()
    with pytest.raises(ConfigError, match="holds a run already"):
        small_run(tmp_path / "run", "trainer.max_epochs=1")


def test_a_run_that_was_killed_in_its_first_write_begins_again(tmp_path):
    folder = tmp_path / "run/checkpoints"
    write(folder / ".last.ckpt.part", "half")
    assert small_run(tmp_path / "run", "trainer.max_epochs=1").status == "completed"
    for file in (folder / "last.ckpt", tmp_path / "run/metrics.json"):
        file.unlink()
    best = (folder / "best.ckpt").read_bytes()
    message = (
        r"best\.ckpt is of a run that was killed before it saved its state; remove it, or name"
    )
    with pytest.raises(ConfigError, match=message):
        small_run(tmp_path / "run", "trainer.max_epochs=1")
    assert (folder / "best.ckpt").read_bytes() == best


def test_a_first_validation_leaves_what_a_run_can_be_continued_from(tmp_path, monkeypatch):
    class Killed(BaseException):
        pass

    class Kill(Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            if batch_idx == 4:
                raise Killed

    words = ["trainer.val_check_interval=3", "checkpoint.every_n_steps=1000"]
    real = train.build_callbacks
    with monkeypatch.context() as patch:
        patch.setattr(train, "build_callbacks", lambda *given: [*real(*given), Kill()])
        with pytest.raises(Killed):
            small_run(tmp_path / "run", *words)
    assert load_plain(tmp_path / "run/checkpoints/last.ckpt")["global_step"] == 3
    resume_run(tmp_path / "run", [], [])
    small_run(tmp_path / "whole", *words)
    equal(tmp_path / "whole/checkpoints/last.ckpt", tmp_path / "run/checkpoints/last.ckpt")


def test_of_epochs_with_equal_scores_the_first_is_told(tmp_path):
    """With its score alone: other figures of it are not known at the end."""
    words = ["trainer.max_epochs=3", "optimizer=sgd", "optimizer.lr=1e-12", "data.val_size=8"]
    record = small_run(tmp_path / "run", *words).record
    assert (record["best_epoch"], record["epochs"]) == (1, 3)
    assert list(record["val"]) == ["accuracy"]


def test_no_more_epochs_is_said(tmp_path):
    small_run(tmp_path / "run", "trainer.max_epochs=1")
    with pytest.raises(ConfigError, match=r"resume: the run has all of its 1 epoch;"):
        resume_run(tmp_path / "run", [], [])


def test_the_best_epoch_is_remembered_in_a_folder_that_was_moved(tmp_path):
    first = small_run(tmp_path / "run", "trainer.max_epochs=1")
    best = weights(tmp_path / "run/checkpoints/best.ckpt")
    (tmp_path / "run").rename(tmp_path / "moved")
    # with this rate nothing good can follow
    state = torch.load(tmp_path / "moved/checkpoints/last.ckpt", weights_only=True)
    state["optimizer_states"][0]["param_groups"][0]["lr"] = 1e3
    torch.save(state, tmp_path / "moved/checkpoints/last.ckpt")
    more = resume_run(tmp_path / "moved", ["trainer.max_epochs=2"], [])
    after = weights(tmp_path / "moved/checkpoints/best.ckpt")
    if more.score == first.score:
        assert all(torch.equal(best[name], after[name]) for name in best)
    assert more.score >= first.score


def test_a_cosine_schedule_that_is_to_last_longer_goes_on_where_its_curve_is(tmp_path):
    small_run(tmp_path / "run", "trainer.max_epochs=2", "scheduler=cosine")
    resume_run(tmp_path / "run", ["trainer.max_epochs=4"], [])
    state = torch.load(tmp_path / "run/checkpoints/last.ckpt", weights_only=True)
    schedule = state["lr_schedulers"][0]
    assert schedule["T_max"] == 4
    assert schedule["_last_lr"][0] == pytest.approx(0.0, abs=1e-9)
    second = torch.load(tmp_path / "run/checkpoints/best.ckpt", weights_only=True)
    assert second["epoch"] < 4


@pytest.mark.parametrize("word", ["optimizer.lr=1e-5", "cell.hidden_size=17", "data.symbols=5"])
def test_what_cannot_change_is_refused_and_nothing_is_lost(tmp_path, word):
    small_run(tmp_path / "run", "trainer.max_epochs=1")
    before = (tmp_path / "run/config.yaml").read_text()
    with pytest.raises(ConfigError, match="cannot change in a resumed run"):
        resume_run(tmp_path / "run", ["trainer.max_epochs=2", word], [])
    assert (tmp_path / "run/config.yaml").read_text() == before


def test_a_folder_that_holds_a_run_is_not_written_over(tmp_path):
    small_run(tmp_path / "run", "trainer.max_epochs=1")
    with pytest.raises(ConfigError, match="holds a run already"):
        small_run(tmp_path / "run", "trainer.max_epochs=1")


def start(folder, *words):
    command = [sys.executable, "-m", "rnnlab", "train", *merged([*SMALL, *words])]
    return subprocess.Popen(
        [*command, f"hydra.run.dir={folder}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def wait_for(path, process):
    for _ in range(600):
        if path.exists():
            return
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.1)
    raise AssertionError(f"{path} did not appear")


LONG = [*WORDS, "trainer.max_epochs=40", "data.lag=20"]


@pytest.mark.slow
@pytest.mark.faults
def test_killed_and_resumed(tmp_path):
    process = start(tmp_path / "killed", *LONG)
    wait_for(tmp_path / "killed/checkpoints/last.ckpt", process)
    process.kill()
    process.communicate()
    words = ["trainer.max_epochs=5"]
    whole = small_run(tmp_path / "whole", *LONG, *words)
    resumed = resume_run(tmp_path / "killed", words, [])
    assert resumed.record["test"] == whole.record["test"]
    equal(tmp_path / "whole/checkpoints/last.ckpt", tmp_path / "killed/checkpoints/last.ckpt")


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_saves_and_says_how_to_go_on(tmp_path, number):
    process = start(tmp_path / "run", *LONG)
    wait_for(tmp_path / "run/checkpoints/last.ckpt", process)
    process.send_signal(number)
    said = process.communicate(timeout=60)[0]
    assert process.returncode == 130, said
    assert f"continue with: rnnlab train resume={tmp_path / 'run'}" in said
    assert "Traceback" not in said
    words = compose_words("train", merged([*SMALL, *LONG]))
    assert words.cfg["trainer"]["max_epochs"] == 40
    resumed = resume_run(tmp_path / "run", ["trainer.max_epochs=5"], [])
    whole = small_run(tmp_path / "whole", *LONG, "trainer.max_epochs=5")
    assert resumed.record["test"] == whole.record["test"]
