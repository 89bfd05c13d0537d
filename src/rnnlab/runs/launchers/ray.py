"""A sweep on a Ray cluster."""

import logging
import os
import subprocess
from pathlib import Path
from typing import Any

from rnnlab.config.types import NonNegativeInt, PositiveInt
from rnnlab.errors import ConfigError
from rnnlab.runs.launchers.pool import WORKER, Pool
from rnnlab.runs.worker import GRACE


class Ray(Pool):
    """Starts workers as tasks of Ray; all machines have to share the disk of the sweep's folder.

    Args:
        max_parallel: Workers at the same time, at most.
        cpus_per_job: Cores of each job.
        gpus_per_job: GPUs of each job; Ray says which.
        address: Of a cluster, such as auto or ray://head:10001; null starts Ray on this machine.
    """

    def __init__(
        self,
        *,
        max_parallel: PositiveInt = 8,
        cpus_per_job: PositiveInt = 1,
        gpus_per_job: NonNegativeInt = 0,
        address: str | None = None,
    ) -> None:
        self.max_parallel = max_parallel
        self.cpus_per_job = cpus_per_job
        self.gpus_per_job = gpus_per_job
        self.address = address
        self._ray: Any = None

    def start(self, folder: Path, place: int) -> "RayTask":
        """See `Pool`."""
        if self._ray is None:
            self._ray = self._open()
        place_of_work = {"num_cpus": self.cpus_per_job, "num_gpus": self.gpus_per_job}
        remote = self._ray.remote(max_retries=0, **place_of_work)(worker)
        return RayTask(self._ray, remote.remote(str(folder.absolute()), self.cpus_per_job))

    def _open(self) -> Any:
        try:
            import ray
        except ImportError:
            raise ConfigError("launcher: ray is not installed; pip install 'rnnlab[ray]'") from None
        # of this machine: a worker of a sweep saves when Ray's process above it ends
        os.environ.setdefault("RAY_kill_child_processes_on_worker_exit", "false")
        try:
            ray.init(self.address, include_dashboard=False, logging_level=logging.ERROR)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ConfigError(f"launcher.address: {' '.join(str(error).split())}") from None
        return ray

    def close(self) -> None:
        """Leave the cluster; a Ray of this machine ends."""
        if self._ray is not None:
            self._ray.shutdown()
            self._ray = None


class RayTask:
    """A worker as a task of Ray.

    Args:
        ray: The library.
        reference: The task's result to be.
    """

    def __init__(self, ray: Any, reference: Any) -> None:
        self._ray = ray
        self._reference = reference

    def poll(self) -> int | None:
        """See `pool.Worker`."""
        ready, _ = self._ray.wait([self._reference], timeout=0)
        if not ready:
            return None
        try:
            return int(self._ray.get(self._reference))
        except self._ray.exceptions.RayError:
            return -1

    def terminate(self) -> None:
        """See `pool.Worker`."""
        self._ray.cancel(self._reference)

    def kill(self) -> None:
        """See `pool.Worker`."""
        self._ray.cancel(self._reference, force=True)


def worker(folder: str, threads: int) -> int:
    """A worker's process below Ray's: it has signals of its own, and ends when Ray's does."""
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    process = subprocess.Popen([*WORKER, folder, "--parent", str(os.getpid())], env=environment)
    try:
        return process.wait()
    except BaseException:
        process.terminate()
        process.wait(GRACE)
        raise
