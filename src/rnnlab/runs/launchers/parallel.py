"""A sweep in several processes of this machine."""

import os
import subprocess
from pathlib import Path

from rnnlab.config.types import NonNegativeInt, PositiveInt
from rnnlab.errors import ConfigError
from rnnlab.runs.launchers.pool import WORKER, Pool


class Parallel(Pool):
    """Does jobs side by side, each with processor cores and GPUs of its own.

    Args:
        max_parallel: Jobs at the same time, at most; null for as many as cores and GPUs allow.
        cpus_per_job: Threads of each job.
        gpus_per_job: GPUs of each job; 0 leaves to it what there is.
    """

    def __init__(
        self,
        *,
        max_parallel: PositiveInt | None = None,
        cpus_per_job: PositiveInt = 1,
        gpus_per_job: NonNegativeInt = 0,
    ) -> None:
        self.cpus_per_job = cpus_per_job
        self.gpus_per_job = gpus_per_job
        self.gpus = visible_gpus() if gpus_per_job else []
        if len(self.gpus) < gpus_per_job:
            raise ConfigError(
                f"launcher.gpus_per_job: {gpus_per_job} for each job, but {len(self.gpus)} are here"
            )
        fitting = max(1, len(os.sched_getaffinity(0)) // cpus_per_job)
        if gpus_per_job:
            groups = len(self.gpus) // gpus_per_job
            fitting = min(fitting, groups)
            max_parallel = None if max_parallel is None else min(max_parallel, groups)
        self.max_parallel = max_parallel or fitting

    def start(self, folder: Path, place: int) -> subprocess.Popen[bytes]:
        """See `Pool`."""
        environment = os.environ | {"OMP_NUM_THREADS": str(self.cpus_per_job)}
        if self.gpus_per_job:
            mine = self.gpus[place * self.gpus_per_job :][: self.gpus_per_job]
            environment["CUDA_VISIBLE_DEVICES"] = ",".join(mine)
        # a session of its own: Ctrl-C reaches it through this process alone, once
        return subprocess.Popen(
            [*WORKER, str(folder), "--parent", str(os.getpid())],
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )


def visible_gpus() -> list[str]:
    """The GPUs that jobs may have, as CUDA_VISIBLE_DEVICES names them."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name for name in given.split(",") if name]
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True)
    except (OSError, subprocess.SubprocessError):
        return []
    return [str(number) for number, line in enumerate(done.stdout.splitlines()) if line]
