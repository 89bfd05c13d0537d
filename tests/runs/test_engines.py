"""A worker is killed in the middle of a job: on each engine the sweep ends complete."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from rnnlab.runs.launchers.parallel import Parallel
from rnnlab.runs.ledger import Ledger
from rnnlab.runs.sweep_job import has_ledger
from runs import SMALL, merged

ENGINES = {
    "parallel": [],
    "slurm": ["launcher.cluster=local"],  # submitit's own; there is no Slurm here
    "ray": [],
}


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.parametrize(
    ("engine", "number"),
    [*((engine, signal.SIGKILL) for engine in ENGINES), ("slurm", signal.SIGUSR2)],
)
def test_a_worker_that_is_lost_is_replaced_and_its_job_goes_on(tmp_path, engine, number):
    preempted = number == signal.SIGUSR2
    if engine != "parallel":
        pytest.importorskip({"slurm": "submitit"}.get(engine, engine))
    words = merged([*SMALL, "data.train_size=640", "trainer.max_epochs=60,1"])
    words += ["diagnostics=off", "checkpoint.every_n_steps=5", "checkpoint.max_overhead=1"]
    words += [f"launcher={engine}", *ENGINES[engine], "launcher.max_parallel=1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "rnnlab", "train", "-m", *words, "hydra.sweep.dir=sweep"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    folder, ledger = tmp_path / "sweep", None
    while ledger is None or not list(folder.glob("0_*/checkpoints/last.ckpt")):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.1)
        if ledger is None and has_ledger(folder):
            ledger = Ledger.open(folder)
    job = ledger.entries()[0]
    assert job.state == "running"
    os.kill(job.run["pid"], number)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    jobs = Ledger.open(folder).jobs()
    assert [job.state for job in jobs] == ["completed", "completed"]
    assert [job.run["attempts"] for job in jobs] == [2, 1]
    assert jobs[0].run.get("deaths", 0) == (0 if preempted else 1)


def test_each_job_has_gpus_and_threads_of_its_own(tmp_path, monkeypatch):
    started = []
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5,6,7,9")
    monkeypatch.setattr(subprocess, "Popen", lambda *_, env, **more: started.append(env))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: range(12))
    engine = Parallel(gpus_per_job=2, cpus_per_job=3)
    assert engine.max_parallel == 2
    for place in range(2):
        engine.start(tmp_path, place)
    assert [env["CUDA_VISIBLE_DEVICES"] for env in started] == ["4,5", "6,7"]
    assert {env["OMP_NUM_THREADS"] for env in started} == {"3"}
    assert Parallel(cpus_per_job=3).max_parallel == 4


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(600)  # Ray notices after half a minute that its driver is gone
def test_the_end_of_the_process_that_started_ray_is_the_end_of_its_workers(tmp_path):
    """The job at hand is saved and free."""
    pytest.importorskip("ray")
    words = merged([*SMALL, "data.train_size=640", "trainer.max_epochs=4000", "diagnostics=off"])
    words += ["seed=1,2", "checkpoint.every_n_steps=5", "checkpoint.max_overhead=1"]
    words += ["launcher=ray", "launcher.max_parallel=1", "hydra.sweep.dir=sweep"]
    with (tmp_path / "said.txt").open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "rnnlab", "train", "-m", *words],
            cwd=tmp_path,
            stdout=stream,
            stderr=stream,
        )
    while not list(tmp_path.glob("sweep/0_*/checkpoints/last.ckpt")):
        assert process.poll() is None, (tmp_path / "said.txt").read_text()
        time.sleep(0.1)
    worker = psutil.Process(Ledger.open(tmp_path / "sweep").entries()[0].run["pid"])
    started = psutil.Process(process.pid).children(recursive=True)
    assert worker in started
    process.kill()
    process.wait()
    worker.wait(90)
    _, alive = psutil.wait_procs(started, timeout=30)
    for each in alive:  # Ray's own take their time
        each.kill()
    jobs = Ledger.open(tmp_path / "sweep").entries()
    assert [job.state for job in jobs] == ["interrupted", "waiting"]
