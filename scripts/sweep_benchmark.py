"""How many jobs a second a sweep's ledger can hand out: jobs of milliseconds, several workers.

python scripts/sweep_benchmark.py --jobs 1000 --workers 8
python scripts/sweep_benchmark.py --storage postgresql+psycopg://user@host/name
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rnnlab.runs.ledger import Ledger
from rnnlab.runs.sweep_job import NAME, Job
from rnnlab.runs.worker import end_with, work


def execute(ledger: Ledger, job: Job) -> dict[str, Any]:
    """A job of five milliseconds; a line for each time that it is done."""
    time.sleep(0.005)
    with (ledger.folder / f"done_{os.getpid()}").open("a") as stream:
        stream.write(f"{job.number}\n")
    return {"status": "completed", "score": float(job.number), "test": {}}


def main() -> int:
    """Run and print; the exit code is 1 where a job was lost or repeated."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--workers", type=int, default=8)
    parser.add_argument("--storage", help="the ledger's database; a SQLite file without it")
    parser.add_argument("--work", nargs=2, metavar=("FOLDER", "PARENT"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        end_with(int(given.work[1]))
        work(Path(given.work[0]), execute)
        return 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plan = {"cwd": name, "trust": [], "words": [], "search": None}
        plan["sweep"] = {"n_trials": None, "retries": 1}
        cfg = {"text": "x" * 5000}  # as large as a configuration is
        jobs = [Job(n, [f"seed={n}"], str(n), {"seed": n, **cfg}, {}) for n in range(given.jobs)]
        began = time.perf_counter()
        ledger = Ledger.create(folder, plan, jobs, given.storage)
        listed = time.perf_counter() - began
        words = [sys.executable, __file__, "--work", name, str(os.getpid())]
        began = time.perf_counter()
        workers = [subprocess.Popen(words) for _ in range(given.workers)]
        codes = [worker.wait() for worker in workers]
        seconds = time.perf_counter() - began
        lines = [int(n) for file in folder.glob("done_*") for n in file.read_text().split()]
        lost = given.jobs - sum(job.state == "completed" for job in ledger.jobs())
        repeated = len(lines) - len(set(lines))
        size = (folder / NAME).stat().st_size if (folder / NAME).exists() else 0
    print(f"listed   {given.jobs} jobs in {listed:.1f} s")
    print(f"done     in {seconds:.1f} s by {given.workers} workers with their start: ", end="")
    print(f"{given.jobs / seconds:.1f} jobs a second")
    print(f"lost     {lost}, repeated {repeated}; ledger {size / 2**20:.1f} MB")
    return int(bool(lost or repeated or any(codes)))


if __name__ == "__main__":
    sys.exit(main())
