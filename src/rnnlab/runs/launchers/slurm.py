"""A sweep on a cluster with Slurm, by submitit."""

import os
import signal
from pathlib import Path
from typing import Any, Literal

from rnnlab.config.types import NonNegativeInt, PositiveInt
from rnnlab.errors import ConfigError
from rnnlab.runs.launchers.pool import Pool
from rnnlab.runs.worker import interrupt, work


class Slurm(Pool):
    """Submits workers to Slurm; the sweep's folder has to be on a disk that all machines share.

    A worker that is preempted or comes to the end of its time saves, is submitted again and goes
    on; workers go on as well where the process that submitted them ends without a chance to stop
    them.

    Args:
        max_parallel: Workers at the same time, at most.
        cpus_per_job: Cores of each job.
        gpus_per_job: GPUs of each job.
        memory: Memory of each job, such as 8GB; null for the cluster's default.
        minutes: Time of a worker; it does jobs one after the other until then.
        partition: Slurm's partition; null for the default one.
        account: Slurm's account; null for the default one.
        qos: Slurm's quality of service; null for the default one.
        setup: Lines of shell before a worker starts, such as 'module load cuda'.
        cluster: Where submitit starts workers; local is this machine, to try it out.
    """

    def __init__(
        self,
        *,
        max_parallel: PositiveInt = 8,
        cpus_per_job: PositiveInt = 1,
        gpus_per_job: NonNegativeInt = 0,
        memory: str | None = None,
        minutes: PositiveInt = 240,
        partition: str | None = None,
        account: str | None = None,
        qos: str | None = None,
        setup: list[str] | None = None,
        cluster: Literal["slurm", "local"] = "slurm",
    ) -> None:
        self.max_parallel = max_parallel
        self.cpus_per_job = cpus_per_job
        self.cluster = cluster
        asked = {"partition": partition, "account": account, "qos": qos, "setup": setup}
        self._parameters: dict[str, Any] = {
            "name": "rnnlab",
            "timeout_min": minutes,
            "cpus_per_task": cpus_per_job,
            "gpus_per_node": gpus_per_job,
            **({} if memory is None else {"slurm_mem": memory}),
            **{f"slurm_{key}": value for key, value in asked.items() if value is not None},
        }
        self._executor: Any = None

    def start(self, folder: Path, place: int) -> "Submitted":
        """See `Pool`."""
        if self._executor is None:
            self._executor = self._open(folder / "slurm")
        return Submitted(self._executor.submit(Work(folder.absolute(), self.cpus_per_job)))

    def _open(self, logs: Path) -> Any:
        try:
            import submitit
        except ImportError:
            raise ConfigError(
                "launcher: submitit is not installed; pip install 'rnnlab[slurm]'"
            ) from None
        try:
            executor = submitit.AutoExecutor(logs, cluster=self.cluster, slurm_max_num_timeout=1000)
        except RuntimeError as error:
            raise ConfigError(f"launcher: {' '.join(str(error).split())}") from None
        executor.update_parameters(**self._parameters)
        return executor


class Submitted:
    """A worker that submitit started.

    Args:
        job: Its job of submitit.
    """

    def __init__(self, job: Any) -> None:
        self._job = job

    def poll(self) -> int | None:
        """See `pool.Worker`."""
        if not self._job.done():
            return None
        try:
            return int(self._job.result())
        except Exception:  # submitit has several for a worker that was lost
            return -1

    def terminate(self) -> None:
        """See `pool.Worker`; Slurm sends SIGTERM, and SIGKILL after a while."""
        self._job.cancel(check=False)

    def kill(self) -> None:
        """See `pool.Worker`."""
        self._job.cancel(check=False)


class Work:
    """What submitit runs on a machine of the cluster.

    Args:
        folder: The sweep's folder.
        threads: Of each job.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        self.folder = folder
        self.threads = threads

    def __call__(self) -> int:
        """Work until no job is left; the exit code, as of a worker's process."""
        os.environ["OMP_NUM_THREADS"] = str(self.threads)
        resubmit = signal.getsignal(signal.SIGUSR2)  # submitit's
        preempted = []

        def preempt(*_: Any) -> None:
            preempted.append(True)
            os.kill(os.getpid(), signal.SIGTERM)  # a training saves first

        signal.signal(signal.SIGUSR2, preempt)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, interrupt)
        try:
            work(self.folder)
        except KeyboardInterrupt:
            if preempted and callable(resubmit):
                resubmit(signal.SIGUSR2, None)  # and ends this process
            return 130
        return 0

    def checkpoint(self) -> Any:
        """What submitit submits again: the same; the ledger knows the rest."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)
