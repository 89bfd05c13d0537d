"""One job of a sweep, trained in its folder."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from lightning import Callback
from omegaconf import OmegaConf

from rnnlab.config.files import read_yaml
from rnnlab.errors import RnnlabError
from rnnlab.runs.ledger import Ledger
from rnnlab.runs.metrics_json import write_json
from rnnlab.runs.resume import resume_run
from rnnlab.runs.search import pruning
from rnnlab.runs.sweep import read_record
from rnnlab.runs.sweep_job import Job
from rnnlab.runs.tables import of_a_label
from rnnlab.runs.train import run

UNFINISHED = ("interrupted", "failed", None)
"""Statuses of a run that its job does again, or goes on with."""


def train_job(ledger: Ledger, job: Job) -> dict[str, Any]:
    """Begin, continue or find a job's run; its result. What fails leaves its reason there.

    Raises:
        RnnlabError, OSError: A user error.
    """
    folder = ledger.folder / job.folder
    if folder.is_relative_to(Path.cwd()):
        folder = folder.relative_to(Path.cwd())
    try:
        record = _train(job, folder, pruning(ledger, job))
    except (RnnlabError, OSError) as error:
        if read_record(folder).get("status") in UNFINISHED:
            _note(folder, error)
        raise
    test = {name: value for name, value in record["test"].items() if not of_a_label(name)}
    reason = {"reason": record["reason"]} if "reason" in record else {}
    return {"status": record["status"], "score": record["score"], "test": test} | reason


def _train(job: Job, folder: Path, callbacks: Sequence[Callback]) -> dict[str, Any]:
    before, saved = read_record(folder), folder / "config.yaml"
    same = saved.exists() and read_yaml(saved) == job.cfg
    if same and before.get("status") not in UNFINISHED:
        print(f"{before['status']:11s}before | {folder}", flush=True)
        return before
    if same and (folder / "checkpoints" / "last.ckpt").is_file():
        return resume_run(folder, [], job.cfg["trust"], callbacks, alone=False).record
    if before.get("status") in UNFINISHED:
        (folder / "metrics.json").unlink(missing_ok=True)
    if same:  # a process that was killed before it saved its state may have saved the best weights
        (folder / "checkpoints" / "best.ckpt").unlink(missing_ok=True)
    _describe(folder, job)
    return run(job.cfg, job.choices, folder, callbacks=callbacks, alone=False).record


def _describe(folder: Path, job: Job) -> None:
    """Leave what Hydra leaves in the folder of a run: choices, overrides, where it began."""
    place = {"cwd": str(Path.cwd()), "output_dir": str(folder.absolute()), "choices": job.choices}
    overrides = {"hydra": [], "task": job.overrides}
    about = {"job": {"num": job.number}, "overrides": overrides, "runtime": place}
    (folder / ".hydra").mkdir(parents=True, exist_ok=True)
    files: dict[str, Any] = {
        "hydra": {"hydra": about},
        "overrides": job.overrides,
        "config": job.cfg,
    }
    for name, content in files.items():
        OmegaConf.save(OmegaConf.create(content), folder / ".hydra" / f"{name}.yaml")


def _note(folder: Path, error: Exception) -> None:
    """Leave the reason of a failure."""
    reason = " ".join(str(error).split()) or type(error).__name__
    empty: dict[str, Any] = {"score": None, "monitor": None, "steps": 0, "val": {}, "test": {}}
    with suppress(OSError):  # that may be the reason
        write_json(folder / "metrics.json", {"status": "failed", "reason": reason, **empty})
