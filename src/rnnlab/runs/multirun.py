"""Several runs: a sweep that is begun, or goes on."""

import shlex
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from rnnlab.config.command_line import CommandLine
from rnnlab.config.compose import Composed
from rnnlab.config.overrides import parse
from rnnlab.config.trust import make
from rnnlab.errors import ConfigError, printable
from rnnlab.runs.jobs import all_words, check_jobs
from rnnlab.runs.launchers.base import Launcher
from rnnlab.runs.ledger import Ledger
from rnnlab.runs.sweep import report
from rnnlab.runs.sweep_job import LEFT, Job, has_ledger, no_ledger
from rnnlab.runs.worker import interrupt
from rnnlab.training.signals import stop_signals

SETTINGS = ("launcher", "sweep")
"""Groups that a sweep may have anew when it goes on."""


def run_sweep(line: CommandLine, composed: Composed, folder: Path, jobs: Sequence[Job]) -> int:
    """Run the jobs of a multirun, or those that its folder does not have yet; the exit code.

    Args:
        line: The command line.
        composed: Its first job.
        folder: The sweep's folder; jobs that it holds are not run again.
        jobs: What was checked; all jobs of a grid.
    """
    plan = _plan(line, composed)
    listed = [] if composed.cfg["sweep"]["n_trials"] else jobs
    if has_ledger(folder):
        ledger = Ledger.open(folder)
        ledger.plan = {**plan, "cwd": ledger.plan["cwd"]}
        _add(ledger, listed)
        ledger.reopen(plan["sweep"]["retries"])
    elif folder.exists() and any(folder.glob("*/metrics.json")):
        raise ConfigError(f"hydra.sweep.dir: {no_ledger(folder)}")
    else:
        ledger = Ledger.create(folder, plan, listed, composed.cfg["sweep"]["storage"])
    return _work(ledger, make(plan["launcher"], plan["trust"]))


def resume_sweep(line: CommandLine, folder: Path) -> int:
    """Go on with a sweep; further words add jobs or change `sweep.*` and `launcher`.

    Args:
        line: The command line, with `resume`.
        folder: The sweep's folder.

    Raises:
        ConfigError: It is none; or words that are wrong.
    """
    ledger = Ledger.open(folder)
    former, words = ledger.plan, line.without("resume")
    keys = {override.key_or_group for override in parse(words)}
    kept = [o.input_line or "" for o in parse(former["words"]) if o.key_or_group not in keys]
    search = line.search or (Path(former["search"]) if former["search"] else None)
    whole = replace(line, overrides=[*kept, *words], flags=["-m"], search=search)
    if keys:
        composed, jobs = check_jobs(whole)
        assert jobs is not None
        plan = {**_plan(whole, composed), "cwd": former["cwd"]}
        adds = any(key.split(".")[0] not in SETTINGS for key in keys)
        if adds and former["sweep"]["n_trials"]:
            changed = next(key for key in keys if key.split(".")[0] not in SETTINGS)
            raise ConfigError(f"{changed}: a search keeps its space; more trials: sweep.n_trials")
        if adds:
            _add(ledger, jobs)
            plan["words"] = former["words"]
        ledger.plan = plan
    ledger.reopen(ledger.plan["sweep"]["retries"])
    return _work(ledger, make(ledger.plan["launcher"], ledger.plan["trust"]))


def _plan(line: CommandLine, composed: Composed) -> dict[str, Any]:
    sweep = composed.cfg["sweep"] | {"seed": composed.cfg["seed"]}
    return {
        "words": [w for w in all_words(line, composed) if not w.startswith("hydra.sweep.dir=")],
        "search": str(line.search.resolve()) if line.search else None,
        "cwd": str(Path.cwd()),
        "trust": composed.cfg["trust"],
        "sweep": sweep,
        "launcher": composed.cfg["launcher"],
    }


def _add(ledger: Ledger, jobs: Sequence[Job]) -> None:
    """List those that are not there yet."""
    there = ledger.jobs()
    new = [job for job in jobs if all(job.cfg != each.cfg for each in there)]
    numbered = [replace(job, number=len(there) + at) for at, job in enumerate(new)]
    ledger.add([_renamed(job, old.number) for job, old in zip(numbered, new, strict=True)])


def _renamed(job: Job, before: int) -> Job:
    """A job whose folder has its new number, where the name begins with that."""
    head, line, rest = job.folder.partition("_")
    named = head == str(before)
    return replace(job, folder=f"{job.number}{line}{rest}" if named else job.folder)


def _work(ledger: Ledger, launcher: Launcher) -> int:
    """Let workers do what is left; the exit code."""
    with _stoppable():
        try:
            launcher.run(ledger.folder)
        except KeyboardInterrupt:
            report(ledger)
            _tell_left(ledger)
            raise
    rows = report(ledger)
    failed = [row for row in rows if row["status"] == "failed"]
    if failed:
        print(
            f"rnnlab: {len(failed)} of {len(rows)} jobs failed, the first one: "
            f"{printable(failed[0]['reason'])}; the others: {ledger.folder / 'jobs.csv'}",
            file=sys.stderr,
        )
    return 1 if failed else 0


def _tell_left(ledger: Ledger) -> None:
    entries = ledger.entries()
    count = max(len(entries), ledger.plan["sweep"]["n_trials"] or 0)
    done = sum(entry.state not in LEFT for entry in entries)
    again = shlex.quote(f"resume={ledger.folder}")
    print(f"stopped  {done} of {count} jobs are done; the others: rnnlab train -m {again}")


@contextmanager
def _stoppable() -> Iterator[None]:
    """Treat all signals to stop as Ctrl-C, once."""
    former = {number: signal.signal(number, interrupt) for number in stop_signals()}
    try:
        yield
    except KeyboardInterrupt:
        for number in former.keys() - {signal.SIGINT}:
            signal.signal(number, signal.SIG_IGN)
        raise
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
