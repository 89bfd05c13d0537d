"""Several runs, by Hydra's sweeper and launcher."""

import math
import os
import shlex
from contextlib import suppress
from pathlib import Path
from typing import Any

from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from hydra.utils import execution_whitelist
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rnnlab.config.command_line import CommandLine
from rnnlab.config.compose import Composed, explain, resolved
from rnnlab.config.files import config_dir
from rnnlab.config.validate import validate
from rnnlab.errors import ConfigError, RnnlabError, printable
from rnnlab.runs.metrics_json import write_json
from rnnlab.runs.sweep import read_jobs, read_record
from rnnlab.runs.workers import no_orphans, working

HYDRA = ["rnnlab.runs.sweep.SweepTable"]
"""Classes that Hydra itself may make; `rnnlab.config.trust` decides about all others."""

UNFINISHED = ("interrupted", "failed")
"""Statuses of jobs that a sweep in the same folder does again, or goes on with."""


def run_sweep(line: CommandLine, composed: Composed, folder: Path, jobs: int) -> int:
    """Run the jobs of a multirun; the exit code.

    Args:
        line: The command line.
        composed: Its first job.
        folder: The sweep's folder; jobs that it holds are not run again.
        jobs: How many there are.

    Raises:
        ConfigError: Some have failed; each has a row with its reason in `jobs.csv`.
    """
    words = [*line.overrides, f"hydra.sweep.dir={folder}", *_new_draws(composed)]
    if line.search:
        words.append(f"hydra.searchpath=['file://{line.search.resolve()}']")
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come as they are, without a message beside them
    try:
        with initialize_config_dir(str(config_dir())), execution_whitelist(HYDRA), no_orphans():
            hydra = GlobalHydra.instance().hydra
            assert hydra is not None
            hydra.multirun("train", job, words)
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(explain(error)) from None
    except KeyboardInterrupt:
        done = sum(row["status"] not in UNFINISHED for row in read_jobs(folder))
        same = [word for word in line.overrides if not word.startswith("hydra.sweep.dir=")]
        again = shlex.join([*line.flags, *same, f"hydra.sweep.dir={folder}"])
        print(f"stopped  {done} of {jobs} jobs are done; the others: rnnlab train {again}")
        raise
    rows = read_jobs(folder)
    failed = [row for row in rows if row["status"] == "failed"]
    if failed:
        raise ConfigError(
            f"{len(failed)} of {len(rows)} jobs failed, the first one: {failed[0]['reason']}; "
            f"the others: {folder / 'jobs.csv'}"
        )
    return 0


def _new_draws(composed: Composed) -> list[str]:
    """Let a search that goes on in its storage draw other values than it has tried."""
    sweeper = composed.hydra.hydra.sweeper
    if not sweeper.get("storage"):
        return []
    import optuna

    try:
        study = optuna.load_study(study_name=sweeper.study_name, storage=sweeper.storage)
    except KeyError:  # a new one
        return []
    except Exception as error:  # each kind of storage has its own
        first = next(iter(str(error).splitlines()), type(error).__name__)
        raise ConfigError(f"hydra.sweeper.storage: {first}") from None
    seed = sweeper.sampler.get("seed")
    return [] if seed is None else [f"hydra.sweeper.sampler.seed={seed + len(study.trials)}"]


@working()
def job(cfg: DictConfig) -> float:
    """One job of a multirun, as Hydra starts it; its score: higher is better.

    In a folder where it ran before it goes on, or is left as it is. What fails leaves its reason in
    `metrics.json`, and does not end the sweep.
    """
    hydra = HydraConfig.get()
    folder = Path(hydra.runtime.output_dir)
    if folder.is_relative_to(Path.cwd()):
        folder = folder.relative_to(Path.cwd())
    plain, choices = resolved(cfg), dict(hydra.runtime.choices)
    try:
        validate(plain, choices)  # a search draws its values only now
        record = _train(plain, choices, folder)
    except Exception as error:
        if not _note(folder, error) or not isinstance(error, RnnlabError | OSError):
            raise
        return -math.inf
    if record["status"] == "interrupted":
        raise KeyboardInterrupt  # stop the whole sweep, not only this run
    return record["score"] if record["score"] is not None else -math.inf


def _train(cfg: dict[str, Any], choices: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The record of a run that is begun, continued or found."""
    from rnnlab.runs.resume import resume_run
    from rnnlab.runs.train import run

    before, saved = read_record(folder), folder / "config.yaml"
    same = saved.exists() and OmegaConf.to_container(OmegaConf.load(saved)) == cfg
    if same and before.get("status", "failed") not in UNFINISHED:
        print(f"{before['status']:11s}before | {folder}", flush=True)
        return before
    if same and (folder / "checkpoints" / "last.ckpt").is_file():
        return resume_run(folder, [], cfg["trust"]).record
    if before.get("status") in UNFINISHED:
        (folder / "metrics.json").unlink()
    return run(cfg, choices, folder).record


def _note(folder: Path, error: Exception) -> bool:
    """Leave the reason of a job's failure, unless the folder holds another run's figures."""
    reason = " ".join(str(error).split()) or type(error).__name__
    print(f"failed     {printable(reason)} | {folder}", flush=True)
    free = read_record(folder).get("status") in (None, "failed")
    if free:
        empty: dict[str, Any] = {"score": None, "monitor": None, "steps": 0, "val": {}, "test": {}}
        with suppress(OSError):  # that may be the reason
            write_json(folder / "metrics.json", {"status": "failed", "reason": reason, **empty})
    return free
