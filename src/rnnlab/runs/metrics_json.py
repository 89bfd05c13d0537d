"""`metrics.json`: everything that a reader of a run's figures may ask for."""

import json
import math
import os
import platform
import re
import subprocess
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rnnlab.files import replacing

PACKAGES = ("rnnlab", "torch", "lightning", "hydra-core", "omegaconf", "numpy")


def collect(cfg: Mapping[str, Any], **facts: Any) -> dict[str, Any]:
    """One record: the facts given, and facts about machine and versions.

    Args:
        cfg: The run's configuration; its seed and sizes are repeated in the record.
        facts: Whatever else the run knows; kept as given.
    """
    return {
        **facts,
        "seed": cfg["seed"],
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: version(name) for name in PACKAGES}
        | {"python": platform.python_version()},
        "machine": machine(),
        "git": git_revision(),
    }


def machine() -> dict[str, Any]:
    """Processor, threads and GPU that the run had."""
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "processor": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": gpu,
    }


def processor() -> str:
    """Its name, where the system knows it; else its architecture."""
    path = Path("/proc/cpuinfo")
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    found = re.search(r"^model name\s*: (.+)$", text, re.M)
    return found[1] if found else platform.processor() or platform.machine()


def git_revision() -> str | None:
    """Commit of the working folder, with `+` where files were changed; None outside of git."""
    try:
        done = subprocess.run(
            ["git", "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=5,
            check=True,
            cwd=Path(__file__).parent,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None


def write_json(path: Path, record: Mapping[str, Any]) -> None:
    """Write in one go; what is not a finite number becomes null, as JSON wants it."""
    with replacing(path) as stream:
        stream.write(f"{json.dumps(_finite(record), indent=2)}\n".encode())


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _finite(child) for key, child in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(child) for child in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
