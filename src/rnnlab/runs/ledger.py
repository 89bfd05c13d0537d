"""The ledger of a sweep: each of its jobs, what became of it, and who works on it.

It is an Optuna study, of a search and of a grid alike: a trial is a job. By default it is the file
`ledger.db` (SQLite) in the sweep's folder; with `sweep.storage` it is in a database.
"""

import json
import os
import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import optuna
from filelock import FileLock
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import text

from rnnlab.errors import ConfigError
from rnnlab.files import replacing
from rnnlab.runs.owner import Watch, owned
from rnnlab.runs.storage import ERRORS, first_line, open_storage, public_url
from rnnlab.runs.sweep_job import ELSEWHERE, LEFT, NAME, Entry, Job, no_ledger
from rnnlab.runs.trials import to_entry, to_job, to_trial

BEAT = 10.0
"""Seconds between two heartbeats of a worker."""

DEATHS = 3
"""Workers that may die of one job until it counts as failed; counted anew when a sweep goes on."""

_ENTRIES = """
select trials.number, trials.state, attributes.value_json
from trials join trial_user_attributes attributes on attributes.trial_id = trials.trial_id
where trials.study_id = :study and attributes.key = 'run' order by trials.number
"""


_WAITING = """
select number from trials where study_id = :study and state = 'WAITING' order by number limit 1
"""


class Ledger:
    """An open ledger; several processes may have it open.

    Args:
        folder: The sweep's folder.
        url: Of the database, as SQLAlchemy has it.
        study: The study's name there.
    """

    def __init__(self, folder: Path, url: str, study: str) -> None:
        self.folder, self.url = folder, url
        try:
            self.storage = open_storage(url)
            self.study_id = self.storage.get_study_id_from_name(study)
        except KeyError:
            raise ConfigError(
                f"{folder}: its ledger is not in {public_url(url)} any more"
            ) from None
        except ERRORS as error:
            raise ConfigError(
                f"{public_url(url)}: no ledger can be opened ({first_line(error)})"
            ) from None
        weakref.finalize(self, self.storage.engine.dispose)
        self.name = study
        self._watch = Watch()

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The ledger of a sweep's folder.

        Raises:
            ConfigError: There is none, or it cannot be read.
        """
        if (folder / NAME).is_file():
            return cls(folder, f"sqlite:///{(folder / NAME).absolute()}", "sweep")
        try:
            where = json.loads((folder / ELSEWHERE).read_text(encoding="utf-8"))
            return cls(folder, str(where["url"]), str(where["study"]))
        except FileNotFoundError:
            raise ConfigError(no_ledger(folder)) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(f"{folder / ELSEWHERE}: broken ({first_line(error)})") from None

    @classmethod
    def create(
        cls, folder: Path, plan: Mapping[str, Any], jobs: Sequence[Job], storage: str | None
    ) -> Self:
        """A new ledger with all jobs of a grid; it appears in one go.

        Args:
            folder: The sweep's folder; made if it is not there.
            plan: What the sweep is to know when it goes on: plain values.
            jobs: Those that are known; none of a search.
            storage: The database's URL; None for a file in the folder.

        Raises:
            ConfigError: No such database.
            OSError: Nothing can be written there.
        """
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{NAME}.{os.getpid()}.part"
        url = storage or f"sqlite:///{temporary.absolute()}"
        name = "sweep" if storage is None else f"{folder.name}-{os.urandom(4).hex()}"
        try:
            made = open_storage(url, durable=False)
            made.create_new_study([optuna.study.StudyDirection.MAXIMIZE], name)
            ledger = cls(folder, url, name)
            ledger.storage, ours = made, ledger.storage
            ours.engine.dispose()
            ledger.plan = plan
            ledger.add(jobs)
        except (*ERRORS, OSError) as error:
            temporary.unlink(missing_ok=True)
            if isinstance(error, OSError):
                error.filename = folder / NAME
                raise
            raise ConfigError(
                f"{public_url(url)}: no ledger can be made ({first_line(error)})"
            ) from None
        made.engine.dispose()
        if storage is None:
            with temporary.open("rb+") as stream:
                os.fsync(stream.fileno())
            temporary.replace(folder / NAME)
        else:
            with replacing(folder / ELSEWHERE) as stream:
                os.fchmod(stream.fileno(), 0o600)  # it may have a password
                stream.write(json.dumps({"url": url, "study": name}).encode())
        return cls.open(folder)

    @property
    def plan(self) -> Mapping[str, Any]:
        """What the sweep has to know when it goes on."""
        plan: dict[str, Any] = self.storage.get_study_user_attrs(self.study_id)["plan"]
        return plan

    @plan.setter
    def plan(self, plan: Mapping[str, Any]) -> None:
        self.storage.set_study_user_attr(self.study_id, "plan", dict(plan))

    def jobs(self) -> list[Job]:
        """All jobs, by number."""
        return [to_job(each) for each in self.storage.get_all_trials(self.study_id, deepcopy=False)]

    def entries(self) -> list[Entry]:
        """Where each job stands, by number: without its configuration, to be read often."""
        with self.storage.engine.connect() as connection:
            rows = connection.execute(text(_ENTRIES), {"study": self.study_id}).all()
        return [to_entry(number, TrialState[state], json.loads(run)) for number, state, run in rows]

    def add(self, jobs: Sequence[Job]) -> None:
        """List jobs that wait for a worker."""
        for job in jobs:
            self._append(job, TrialState.WAITING, {}, {})

    def _append(
        self,
        job: Job,
        state: TrialState,
        params: dict[str, Any],
        distributions: dict[str, BaseDistribution],
    ) -> int:
        trial = to_trial(job, state, params, distributions)
        return self.storage.create_new_trial(self.study_id, trial)

    def begin(self, job: Job, params: dict[str, Any], space: dict[str, BaseDistribution]) -> Job:
        """List a job that this worker begins at once; in one go, under `lock`."""
        run = owned({"attempts": 1})
        new = Job(job.number, job.overrides, job.folder, job.cfg, job.choices, run=run)
        self._append(new, TrialState.RUNNING, params, space)
        return new

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Keep others from taking jobs; the system gives up the lock of a process that ends."""
        if self.url.startswith("postgresql"):
            with self.storage.engine.begin() as connection:
                key = {"key": self.study_id}
                connection.execute(text("select pg_advisory_xact_lock(18, :key)"), key)
                yield
        else:
            with FileLock(self.folder / f".{NAME}.lock").acquire(poll_interval=0.01):
                yield

    def claim(self) -> Job | None:
        """Take the first job that is free; None where none is."""
        with self.lock():
            with self.storage.engine.connect() as connection:
                found = connection.execute(text(_WAITING), {"study": self.study_id}).first()
            free = (entry.number for entry in self.entries() if self.is_free(entry))
            numbers = free if found is None else (found.number,)
            return next((job for job in map(self._take, numbers) if job is not None), None)

    def take(self, number: int) -> Job | None:
        """Take a job that waits, was interrupted or has lost its worker; None if it is not free."""
        with self.lock():
            return self._take(number)

    def _take(self, number: int) -> Job | None:
        trial_id = self.trial_id(number)
        trial = self.storage.get_trial(trial_id)
        before = trial.user_attrs["run"]
        if not self.is_free(to_entry(number, trial.state, before)):
            return None
        lost = before.get("status") == "running"
        deaths = before.get("deaths", 0) + lost
        if lost and deaths >= DEATHS:
            reason = f"its process ended {deaths} times without a word; out of memory?"
            self._fail(trial_id, before | {"deaths": deaths}, reason)
            return None
        run = owned(before | {"attempts": before.get("attempts", 0) + 1, "deaths": deaths})
        if trial.state == TrialState.WAITING:
            self.storage.set_trial_state_values(trial_id, TrialState.RUNNING)
        self.storage.set_trial_user_attr(trial_id, "run", run)
        trial.user_attrs["run"] = run
        return to_job(trial)

    def is_free(self, entry: Entry) -> bool:
        """Whether a worker may take a job."""
        if entry.state in ("waiting", "interrupted"):
            return True
        return entry.state == "running" and not self._watch.alive(entry.number, entry.run)

    def beat(self, job: Job) -> None:
        """Say that this worker is still at work on its job."""
        job.run["beat"] += 1
        with self.lock():
            if self._owns(job, self.storage.get_trial(self.trial_id(job.number))):
                self.storage.set_trial_user_attr(self.trial_id(job.number), "run", job.run)

    def finish(self, job: Job, result: Mapping[str, Any]) -> None:
        """Write down how a job of this worker ended; what has been taken by another stays his."""
        trial_id, status = self.trial_id(job.number), result["status"]
        trial = self.storage.get_trial(trial_id)
        run = trial.user_attrs["run"]
        if not self._owns(job, trial):
            return
        if status in ("failed", "interrupted"):
            failures = run.get("failures", 0) + (status == "failed")
            if status == "failed":
                self._fail(trial_id, run | {"failures": failures}, str(result["reason"]))
            else:
                self.storage.set_trial_user_attr(trial_id, "run", run | {"status": status})
            return
        self.storage.set_trial_user_attr(trial_id, "result", dict(result))
        score = result["score"]
        value = float("-inf") if score is None else float(score)
        pruned = status == "pruned"
        state = TrialState.PRUNED if pruned else TrialState.COMPLETE
        self.storage.set_trial_state_values(trial_id, state, [value])

    def _owns(self, job: Job, trial: FrozenTrial) -> bool:
        mine = ("host", "pid", "attempts")
        run = trial.user_attrs["run"]
        return not trial.state.is_finished() and all(run[key] == job.run[key] for key in mine)

    def _fail(self, trial_id: int, run: Mapping[str, Any], reason: str) -> None:
        self.storage.set_trial_user_attr(trial_id, "result", {"reason": reason})
        self.storage.set_trial_user_attr(trial_id, "run", dict(run) | {"status": "failed"})

    def reopen(self, retries: int) -> None:
        """For a sweep that goes on: give failed jobs another try, and forget what died."""
        for entry in self.entries():
            run, failed = entry.run, entry.state == "failed"
            again = failed and run.get("failures", 0) <= retries
            if again or (run.get("deaths") and entry.state in LEFT):
                new = run | {"deaths": 0, "status": "interrupted" if again else run["status"]}
                self.storage.set_trial_user_attr(self.trial_id(entry.number), "run", new)

    def trial_id(self, number: int) -> int:
        """The trial of a job, as Optuna counts it."""
        return self.storage.get_trial_id_from_study_id_trial_number(self.study_id, number)
