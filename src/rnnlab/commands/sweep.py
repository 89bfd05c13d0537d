"""`rnnlab sweep`: how far a sweep is, also while its workers run."""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from rnnlab.config.command_line import CommandLine
from rnnlab.config.plain_options import read_options
from rnnlab.config.roots import SweepConfig
from rnnlab.errors import ConfigError
from rnnlab.runs.ledger import Ledger
from rnnlab.runs.sweep import job_rows, progress
from rnnlab.runs.sweep_job import LEFT, Job
from rnnlab.runs.tables import as_text

CLEAR = "\x1b[H\x1b[J"


def sweep_words(words: Sequence[str]) -> None:
    """Print the table, again and again on a terminal until nothing is left to do.

    Raises:
        ConfigError: No folder of a sweep.
    """
    line = CommandLine.without_flags(list(words)).overrides
    folders = [word for word in line if "=" not in word or Path(word).exists()]
    config = SweepConfig(**read_options(SweepConfig, [w for w in line if w not in folders]))
    if len(folders) != 1:
        raise ConfigError("sweep: name one folder of a multirun, rnnlab sweep outputs/sweeps/...")
    ledger = Ledger.open(Path(folders[0]).expanduser())
    live = sys.stdout.isatty()
    while True:
        jobs = ledger.jobs()
        text = show(jobs, ledger.plan["sweep"]["n_trials"], config.rows)
        print(f"{CLEAR * live}{text}", flush=True)
        if not live or not any(job.state in LEFT for job in jobs):
            return
        time.sleep(config.every)


def show(jobs: Sequence[Job], trials: int | None, rows: int) -> str:
    """States, best so far, time left, and the jobs: those at work first, then the best.

    Args:
        jobs: All jobs of the ledger.
        trials: How many there will be, of a search.
        rows: How many are shown.
    """
    lines = [f"jobs     {progress(jobs, trials)}"]
    seconds = [job.seconds for job in jobs if job.seconds is not None]
    states = Counter(job.state for job in jobs)
    unfinished = sum(states[state] for state in LEFT) + max(0, (trials or 0) - len(jobs))
    if unfinished and seconds and states["running"]:
        rest = unfinished * sum(seconds) / len(seconds) / states["running"]
        lines.append(f"left     about {timedelta(seconds=round(rest))}, as jobs took so far")
    table = job_rows(jobs)
    best = next((row for row in table if row["best"]), None)
    if best is not None:
        lines.append(f"best     {best['score']:.4f}, job {best['job']}")
    table.sort(key=_order)
    for row in table:
        place = jobs[int(row["job"])].run
        row["worker"] = f"{place['host']}/{place['pid']}" if row["status"] == "running" else ""
    lines.append(as_text(table[:rows]))
    if len(table) > rows:
        lines.append(f"and {len(table) - rows:,} more: rows={len(table)}")
    return "\n".join(lines)


def _order(row: dict[str, Any]) -> tuple[bool, float]:
    score = row["score"]
    return row["status"] != "running", float("inf") if score is None else -score
