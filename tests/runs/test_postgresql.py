"""The ledger in a real PostgreSQL: a private server, started by the test."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from rnnlab.runs import worker
from rnnlab.runs.ledger import Ledger
from rnnlab.runs.sweep_job import ELSEWHERE, NAME, Job
from runs import SMALL, merged
from tiny import call

PROGRAMS = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


@pytest.fixture(scope="module")
def server():
    """The URL of a server of our own; it refuses to run as root."""
    found = shutil.which("initdb") or (str(PROGRAMS[-1]) if PROGRAMS else None)
    if found is None:
        pytest.skip("PostgreSQL is not here (Debian: postgresql)")
    pytest.importorskip("psycopg")
    folder = Path(tempfile.mkdtemp(prefix="rnnlab-"))  # pytest's own is closed to other users
    root = os.geteuid() == 0
    user = {"user": "nobody", "extra_groups": []} if root else {}
    if root:
        shutil.chown(folder, "nobody")

    def program(name: str, *words: object) -> None:
        command = [Path(found).with_name(name), *words]
        subprocess.run(command, check=True, cwd=folder, stdout=subprocess.DEVNULL, **user)

    data = folder / "data"
    program("initdb", "-D", data, "-U", "rnnlab", "-A", "trust", "--no-sync")
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    program("pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
    yield f"postgresql+psycopg://rnnlab@/postgres?host={folder}"
    program("pg_ctl", "-D", data, "-m", "immediate", "stop")
    shutil.rmtree(folder)


@pytest.mark.services
@pytest.mark.slow
def test_a_sweep_with_its_ledger_in_postgresql(server, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = merged([*SMALL, "data.train_size=96", "trainer.max_epochs=1", "seed=1,2"])
    words += [f"sweep.storage='{server}'", "hydra.sweep.dir=sweep"]
    assert call(capsys, "train", "-m", *words).code == 0
    assert not Path("sweep", NAME).exists()
    assert Path("sweep", ELSEWHERE).stat().st_mode & 0o077 == 0
    assert call(capsys, "train", "resume=sweep", "seed=3").code == 0
    jobs = Ledger.open(Path("sweep")).jobs()
    assert [(job.state, job.cfg["seed"]) for job in jobs] == [("completed", n) for n in (1, 2, 3)]
    assert "jobs     3: 3 completed" in call(capsys, "sweep", "sweep").out


@pytest.mark.services
@pytest.mark.slow
def test_workers_of_one_database_share_the_jobs(server, tmp_path):
    plan = {"cwd": str(tmp_path), "trust": [], "words": [], "search": None}
    plan |= {"sweep": {"n_trials": None, "retries": 1}}
    jobs = [Job(n, [], str(n), {"seed": n}, {}) for n in range(24)]
    Ledger.create(tmp_path, plan, jobs, server)
    script = tmp_path / "script.py"
    script.write_text(
        "import sys\nfrom pathlib import Path\nfrom rnnlab.runs.worker import work\n"
        "def execute(ledger, job):\n"
        "    (ledger.folder / f'done_{job.number}').open('x').close()\n"
        "    return {'status': 'completed', 'score': 1.0, 'test': {}}\n"
        "work(Path(sys.argv[1]), execute)\n"
    )
    workers = [subprocess.Popen([sys.executable, script, tmp_path]) for _ in range(2)]
    worker.work(tmp_path, lambda *_: {"status": "completed", "score": 1.0, "test": {}})
    assert [each.wait(60) for each in workers] == [0, 0]
    done = Ledger.open(tmp_path).jobs()
    assert [job.state for job in done] == ["completed"] * 24
    assert [job.run["attempts"] for job in done] == [1] * 24
