"""The other processes of a run that torchrun, srun or one command a machine have started."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Self

from rnnlab.errors import ConfigError

PATIENCE = 300.0
"""Seconds that a process waits for what the first one tells."""

LINGER = 10.0
"""Seconds that the first process stays for the others to hear that it ends."""

_stores: list[Any] = []
"""Kept until the process ends: the others ask at any time."""


@dataclass(frozen=True)
class Peers:
    """How the processes of a run talk before they train.

    Attributes:
        address: Machine of the process that keeps what is told.
        port: Its port.
        rank: This process.
        count: How many there are.
        hosted: Whether torchrun keeps it; otherwise the first process does.
        attempt: Of torchrun, which starts processes again where some have failed.
    """

    address: str
    port: int
    rank: int
    count: int
    hosted: bool = False
    attempt: str = "0"

    @classmethod
    def found(cls, cfg: dict[str, Any]) -> Self | None:
        """From the environment; None where this process is alone, or starts the others itself.

        Args:
            cfg: The configuration of the run.

        Raises:
            ConfigError: An environment that says too little.
        """
        known = os.environ
        if "TORCHELASTIC_RUN_ID" in known and int(known["WORLD_SIZE"]) > 1:
            address, port = known["MASTER_ADDR"], int(known["MASTER_PORT"])
            rank, count = int(known["RANK"]), int(known["WORLD_SIZE"])
            if known.get("TORCHELASTIC_USE_AGENT_STORE") == "True":
                attempt = known.get("TORCHELASTIC_RESTART_COUNT", "0")
                return cls(address, port, rank, count, hosted=True, attempt=attempt)
            return cls(address, port, rank, count)
        if int(known.get("SLURM_NTASKS", 1)) > 1 and "SLURM_PROCID" in known:
            from lightning.fabric.plugins.environments.slurm import SLURMEnvironment

            slurm = SLURMEnvironment()
            if slurm.detect():
                rank, count = int(known["SLURM_PROCID"]), int(known["SLURM_NTASKS"])
                return cls(slurm.main_address, slurm.main_port, rank, count)
        node = known.get("NODE_RANK", known.get("GROUP_RANK"))
        nodes = int(cfg["trainer"].get("num_nodes") or 1)
        if node is None or nodes == 1:
            return None
        if not {"MASTER_ADDR", "MASTER_PORT"} <= set(known):
            raise ConfigError(
                "trainer.num_nodes: MASTER_ADDR and MASTER_PORT must name the first machine and a "
                "free port of it, or start the processes by torchrun"
            )
        return cls(known["MASTER_ADDR"], int(known["MASTER_PORT"]), int(node), nodes)

    def agree(self, choose: Callable[[], Path]) -> Path:
        """A folder that the first process chooses, the same in all.

        Args:
            choose: Called in the first process alone.

        Raises:
            ConfigError: What `choose` raises, in all processes; or nothing is heard of the first.
        """
        import torch.distributed as dist

        first, key = self.rank == 0, f"rnnlab/folder/{self.attempt}"
        try:
            store = dist.TCPStore(  # type: ignore[attr-defined]
                self.address,
                self.port,
                is_master=first and not self.hosted,
                wait_for_workers=False,
                multi_tenant=True,  # torch's own store will be there as well
                timeout=timedelta(seconds=PATIENCE),
            )
            _stores.append(store)
            if not first:
                kind, said = store.get(key).decode().split(" ", 1)
                store.add(f"{key}/heard", 1)
                if kind == "error":
                    raise ConfigError(said)
                return Path(said)
        except (dist.DistError, RuntimeError) as error:
            why = " ".join(str(error).split())[:200]
            raise ConfigError(
                f"process {self.rank} heard nothing of the first process of the run at "
                f"{self.address}:{self.port} ({why})"
            ) from None
        try:
            folder = choose()
        except ConfigError as error:
            self._tell(store, key, f"error {error}")
            raise
        self._tell(store, key, f"folder {folder.absolute()}")
        return folder

    def _tell(self, store: Any, key: str, said: str) -> None:
        """What is told ends with this process, which may fail at once: wait until all heard it."""
        store.set(key, said)
        until = monotonic() + LINGER
        while monotonic() < until and store.add(f"{key}/heard", 0) < self.count - 1:
            sleep(0.05)
