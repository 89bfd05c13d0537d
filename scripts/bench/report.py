"""The record of all sections, and the report that is made of it."""

import json
import os
import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from bench.tables import TABLES, targets
from bench.targets import check
from rnnlab.runs.metrics_json import git_revision, processor, write_json

BEGIN, END = "<!-- benchmark: begin -->", "<!-- benchmark: end -->"
"""Between these lines of a document the tables are replaced; all else is left alone."""

TITLES = {
    "layers": "Layers: times faster than torch's own module on padded input",
    "grid": "Layers: times that `bptt` is faster than `fused`, over a grid",
    "ragged": "Layers: times faster than packed, shuffled batches, on real lengths",
    "sentiment": "Training: sentiment",
    "ner": "Training: named entities",
    "translation": "Training: translation",
}


def load(path: Path) -> dict[str, Any]:
    """The record so far; an empty one where there is no file."""
    if not path.exists():
        return {"sections": {}}
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


def taken(command: str, size: str, seconds: float) -> dict[str, Any]:
    """How a section came about: each has its own, as they may be measured one by one."""
    return {
        "command": command,
        "size": size,
        "seconds": seconds,
        "date": datetime.now(UTC).isoformat(timespec="minutes"),
        "machine": processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "versions": {name: version(name) for name in ("rnnlab", "torch", "lightning")}
        | {"python": platform.python_version()},
        "git": git_revision(),
    }


def render(record: Mapping[str, Any]) -> str:
    """All tables, with what they were made with, and the targets in front."""
    parts = []
    reached = check(record)
    if reached:
        parts += ["## Targets", targets(reached)]
    for name, title in TITLES.items():
        section = record["sections"].get(name)
        if section and section["rows"]:
            parts += [f"## {title}", TABLES[name](section), _made(section)]
    return "\n\n".join(parts)


def _made(section: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in section["versions"].items())
    return (
        f"`{section['command']}`: {section['date']}, {section['machine']}, {section['cores']} "
        f"cores, {section['threads']} thread(s); {versions}; revision {section['git']}; "
        f"{section['seconds']:.0f} s."
    )


def save(record: Mapping[str, Any], path: Path) -> None:
    """Write JSON, and the report beside it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_json(path, record)
    path.with_suffix(".md").write_text(render(record) + "\n", encoding="utf-8")


def fill(document: Path, text: str) -> None:
    """Put the report between the marks of a document.

    Raises:
        ValueError: The document lacks them.
    """
    before, begin, rest = document.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{document}: no lines {BEGIN} and {END}")
    document.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")
