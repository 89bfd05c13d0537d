"""Jobs in a ledger: who has one, what becomes of it, what is drawn next."""

import errno
import os
import random
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from optuna.trial import TrialState

from rnnlab.config.command_line import CommandLine
from rnnlab.errors import ConfigError
from rnnlab.runs import worker
from rnnlab.runs.jobs import check_jobs
from rnnlab.runs.ledger import DEATHS, Ledger
from rnnlab.runs.multirun import _plan
from rnnlab.runs.sweep_job import ELSEWHERE, Job
from runs import SMALL, merged
from tiny import file_limit

PLAN = {
    "cwd": ".",
    "trust": [],
    "words": [],
    "search": None,
    "sweep": {"n_trials": None, "retries": 1, "sampler": "tpe", "pruner": "none", "seed": 1},
}


def listed(folder: Path, count: int = 3, storage: str | None = None) -> Ledger:
    jobs = [Job(n, [f"seed={n}"], f"{n}_seed-{n}", {"seed": n}, {}) for n in range(count)]
    return Ledger.create(folder, PLAN | {"cwd": str(folder)}, jobs, storage)


def score(ledger: Ledger, job: Job) -> dict[str, object]:
    return {"status": "completed", "score": float(job.cfg["seed"]), "test": {}}


def states(ledger: Ledger) -> list[str]:
    return [job.state for job in ledger.jobs()]


def test_a_job_is_done_once_with_the_configuration_of_the_ledger(tmp_path):
    ledger, done = listed(tmp_path), []
    worker.work(tmp_path, lambda ledger, job: done.append(job) or score(ledger, job))
    worker.work(tmp_path, lambda *_: pytest.fail("done before"))
    assert [job.cfg for job in done] == [{"seed": 0}, {"seed": 1}, {"seed": 2}]
    assert states(ledger) == ["completed"] * 3
    assert [job.result["score"] for job in ledger.jobs()] == [0, 1, 2]


def test_a_job_has_one_worker(tmp_path):
    ledger, other = listed(tmp_path), Ledger.open(tmp_path)
    assert ledger.take(1).overrides == ["seed=1"]
    assert other.take(1) is None
    assert states(other) == ["waiting", "running", "waiting"]


def test_an_interrupted_job_is_free_and_a_failed_one_after_a_resume(tmp_path):
    ledger = listed(tmp_path)
    ledger.finish(ledger.take(0), {"status": "interrupted"})
    ledger.finish(ledger.take(1), {"status": "failed", "reason": "no such file"})
    assert states(ledger) == ["interrupted", "failed", "waiting"]
    assert ledger.take(0).run["attempts"] == 2
    assert ledger.take(1) is None
    ledger.reopen(retries=1)
    ledger.finish(ledger.take(1), {"status": "failed", "reason": "again"})
    ledger.reopen(retries=1)
    assert ledger.take(1) is None
    ledger.reopen(retries=2)
    assert ledger.take(1).run["failures"] == 2


def test_the_job_of_a_dead_worker_is_taken_up_but_not_for_ever(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    ledger = listed(tmp_path)
    for death in range(DEATHS):
        job = ledger.take(0)
        assert (job is None) == (death == DEATHS)
        ledger.storage.set_trial_user_attr(ledger.trial_id(0), "run", job.run | {"pid": dead.pid})
    assert ledger.take(0) is None
    assert states(ledger)[0] == "failed"
    assert ledger.jobs()[0].result["reason"].startswith(f"its process ended {DEATHS} times")


def test_a_worker_of_another_machine_is_lost_when_it_is_silent(tmp_path, monkeypatch):
    ledger, now = listed(tmp_path), [0.0]
    monkeypatch.setattr("rnnlab.runs.owner.time.monotonic", lambda: now[0])
    there = ledger.take(0)
    monkeypatch.setattr(socket, "gethostname", lambda: "elsewhere")
    assert ledger.take(0) is None
    now[0] = 50.0
    ledger.beat(there)
    assert ledger.take(0) is None
    now[0] = 100.0
    assert ledger.take(0) is None
    now[0] = 120.0
    mine = ledger.take(0)
    assert mine.run["deaths"] == 1
    ledger.finish(there, {"status": "completed", "score": 7.0, "test": {}})  # comes too late
    assert states(ledger)[0] == "running"


def test_a_full_disk_is_not_the_jobs_fault(tmp_path):
    """One line names the file, the job is free, and the sweep goes on when there is room."""
    ledger = listed(tmp_path)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "last.ckpt")

    with pytest.raises(OSError, match=r"last\.ckpt"):
        worker.work(tmp_path, full)
    assert states(ledger) == ["interrupted", "waiting", "waiting"]
    job, result = ledger.take(0), {"status": "failed", "reason": "x" * 100_000}
    with (
        file_limit((tmp_path / "ledger.db").stat().st_size),
        pytest.raises(OSError, match=r"ledger\.db"),
    ):
        ledger.finish(job, result)
    ledger.finish(job, score(ledger, job))
    worker.work(tmp_path, score)
    assert states(ledger) == ["completed"] * 3


def test_a_ledger_that_finds_no_room_leaves_nothing(tmp_path):
    for size, count, message in ((9_000, 1, "no ledger can be made"), (150_000, 200, "ledger.db")):
        with file_limit(size), pytest.raises((OSError, ConfigError), match=message):
            listed(tmp_path / "sweep", count)
        assert not list((tmp_path / "sweep").iterdir())


def test_a_diverged_job_has_the_worst_score_and_a_pruned_one_is_pruned(tmp_path):
    ledger = listed(tmp_path, 2)
    ledger.finish(ledger.take(0), {"status": "diverged", "score": None, "test": {}})
    ledger.finish(ledger.take(1), {"status": "pruned", "score": 0.5, "test": {}})
    trials = ledger.storage.get_all_trials(ledger.study_id)
    assert [trial.state for trial in trials] == [TrialState.COMPLETE, TrialState.PRUNED]
    assert [trial.value for trial in trials] == [float("-inf"), 0.5]
    assert states(ledger) == ["diverged", "pruned"]


def test_a_ledger_that_is_not_there_or_cannot_be_opened(tmp_path):
    with pytest.raises(ConfigError, match="not the folder of a sweep"):
        Ledger.open(tmp_path)
    for text in ("{", '{"url": 3}', '{"url": "nonsense", "study": "a"}'):
        (tmp_path / ELSEWHERE).write_text(text)
        with pytest.raises(ConfigError, match=r"broken|no ledger"):
            Ledger.open(tmp_path)
    with pytest.raises(ConfigError, match="no ledger can be made"):
        listed(tmp_path / "new", storage="postgresql+psycopg://user:secret@127.0.0.1:1/none")
    (tmp_path / "ledger.db").write_bytes(b"SQLite format 3\0" + bytes(100))
    with pytest.raises(ConfigError, match="no ledger can be opened"):
        Ledger.open(tmp_path)


SEARCH = ["-m", *merged([*SMALL, "sweep=optuna", "sweep.n_trials=12"])]
SPACE = "{optimizer.lr: 'tag(log, interval(1e-4, 1e-1))', cell.hidden_size: 'range(4, 20, 4)'}"


def quality(ledger: Ledger, job: Job) -> dict[str, object]:
    value = -abs(job.cfg["optimizer"]["lr"] - 0.01) + job.cfg["cell"]["hidden_size"] / 1000
    return {"status": "completed", "score": value, "test": {}}


def search(folder: Path) -> Ledger:
    line = CommandLine.split([*SEARCH, f"hydra.sweeper.params={SPACE}"])
    composed, _ = check_jobs(line)
    return Ledger.create(folder, _plan(line, composed), [], None)


@pytest.mark.faults
def test_a_search_that_was_stopped_goes_on_as_an_undisturbed_one(tmp_path):
    whole, parts = search(tmp_path / "whole"), search(tmp_path / "parts")
    worker.work(whole.folder, quality)

    def stopped(ledger: Ledger, job: Job) -> dict[str, object]:
        if job.number == 10 and job.run["attempts"] == 1:
            raise KeyboardInterrupt
        return quality(ledger, job)

    with pytest.raises(KeyboardInterrupt):
        worker.work(parts.folder, stopped)
    assert states(parts) == ["completed"] * 10 + ["interrupted"]
    worker.work(parts.folder, stopped)
    assert len(whole.jobs()) == 12
    assert len({job.cfg["optimizer"]["lr"] for job in whole.jobs()}) == 12
    assert {job.cfg["cell"]["hidden_size"] for job in whole.jobs()} <= {4, 8, 12, 16}
    same = [(job.number, job.overrides, job.folder, job.cfg, job.result) for job in whole.jobs()]
    assert same == [(j.number, j.overrides, j.folder, j.cfg, j.result) for j in parts.jobs()]


MILLISECONDS = """
import os, sys, time
from pathlib import Path
from rnnlab.runs.worker import end_with, work

def execute(ledger, job):
    result = {"status": "completed", "score": job.cfg["seed"] ** 0.5, "test": {}}
    done = ledger.folder / f"done_{job.number}"
    if not done.exists():  # a run that has its metrics.json is not trained again
        time.sleep(0.1)
        done.open("x").close()
    return result

end_with(int(sys.argv[2]))
work(Path(sys.argv[1]), execute)
"""


@pytest.mark.faults
@pytest.mark.slow
def test_killed_again_and_again_no_job_is_lost_or_repeated(tmp_path):
    """Two workers, killed with -9 at random moments; every score as in an undisturbed sweep."""
    chance, ledger = random.Random(7), listed(tmp_path / "sweep", 30)
    whole = listed(tmp_path / "whole", 30)
    script = tmp_path / "worker.py"
    script.write_text(MILLISECONDS)
    words = [sys.executable, str(script), str(ledger.folder), str(os.getpid())]
    kills, until = 0, time.monotonic() + 200
    workers: list[subprocess.Popen[bytes]] = []
    while any(state != "completed" for state in states(ledger)):
        assert time.monotonic() < until, states(ledger)
        workers = [each for each in workers if each.poll() is None]
        while len(workers) < 2:
            workers.append(subprocess.Popen(words, start_new_session=True))
        done = sum(state == "completed" for state in states(ledger))
        if kills < 6 and done >= 3 * kills + 2:
            time.sleep(chance.random() * 0.05)
            victim = workers.pop(chance.randrange(2))
            victim.kill()
            victim.wait()
            kills += 1
    assert [each.wait(30) for each in workers] == [0] * len(workers)
    assert kills == 6
    worker.work(whole.folder, lambda _, job: {**score(_, job), "score": job.cfg["seed"] ** 0.5})
    assert [job.result for job in ledger.jobs()] == [job.result for job in whole.jobs()]
    assert sum(job.run["attempts"] for job in ledger.jobs()) <= 30 + kills
