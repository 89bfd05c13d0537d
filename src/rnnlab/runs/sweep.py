"""A table of a sweep's jobs, with the best one marked."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rnnlab.runs.sweep_job import Job
from rnnlab.runs.tables import as_text, write_csv

if TYPE_CHECKING:
    from rnnlab.runs.ledger import Ledger


def report(ledger: "Ledger") -> list[dict[str, Any]]:
    """Write `jobs.csv` into the sweep's folder and print it; its rows."""
    rows = job_rows(ledger.jobs())
    if rows:
        write_csv(ledger.folder / "jobs.csv", rows)
        print(as_text(rows))
        print(f"table    {ledger.folder / 'jobs.csv'}", flush=True)
    return rows


def job_rows(jobs: Sequence[Job]) -> list[dict[str, Any]]:
    """One row a job, in the order of numbers, with the options that differ; the best is marked."""
    rows: list[dict[str, Any]] = []
    given: list[dict[str, str]] = []
    for job in jobs:
        given.append({key: value for key, _, value in (o.partition("=") for o in job.overrides)})
        row: dict[str, Any] = {"best": "", "job": str(job.number), "status": job.state}
        row |= {"score": job.result.get("score")}
        row |= {"reason": job.result["reason"]} if "reason" in job.result else {}
        row |= {f"test/{name}": value for name, value in job.result.get("test", {}).items()}
        rows.append(row)
    for row, options in zip(rows, given, strict=True):
        row |= {k: v for k, v in options.items() if any(o.get(k) != v for o in given)}
    scored = [row for row in rows if row["score"] is not None]
    if scored:
        max(scored, key=lambda row: row["score"])["best"] = "*"
    return rows


def progress(jobs: Sequence[Job], trials: int | None) -> str:
    """How many jobs there are, and in which state.

    Args:
        jobs: All jobs of the ledger.
        trials: How many there will be, of a search.
    """
    count = max(len(jobs), trials or 0)
    states = Counter(job.state for job in jobs)
    states["waiting"] += count - len(jobs)
    return f"{count}: " + ", ".join(f"{n} {state}" for state, n in states.items() if n)


def read_record(folder: Path) -> dict[str, Any]:
    """What `metrics.json` says; nothing where there is none."""
    try:
        record = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}
