"""What was found: parts with a table each, as JSON and as Markdown."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tabular import markdown


@dataclass
class Part:
    """One question and its answer.

    Attributes:
        title: The question, as a heading.
        columns: Names of the table's columns, with units.
        note: How it was measured and what counts as right.
        rows: The table.
        failures: A line for each check that failed; empty where all is right.
        skipped: What was left out, and why.
    """

    title: str
    columns: tuple[str, ...]
    note: str = ""
    rows: list[list[Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """In one word; what was not run is neither right nor wrong."""
        if self.failures:
            return "wrong"
        return "right" if self.rows else "skipped"


@dataclass(frozen=True)
class Report:
    """Everything about one machine.

    Attributes:
        machine: Names and versions.
        parts: What was asked, in order.
    """

    machine: dict[str, str]
    parts: list[Part]

    @property
    def right(self) -> bool:
        """Whether no check failed."""
        return not any(part.failures for part in self.parts)

    def summary(self) -> str:
        """A table of parts and verdicts, with all failures below."""
        rows = [
            [part.title, part.verdict, len(part.rows), len(part.failures), len(part.skipped)]
            for part in self.parts
        ]
        lines = [_table(("part", "verdict", "rows", "failed", "left out"), rows)]
        for part in self.parts:
            lines += [f"- wrong: {part.title}: {line}" for line in part.failures]
            lines += [f"- left out: {part.title}: {line}" for line in part.skipped]
        return "\n".join(lines)

    def markdown(self) -> str:
        """The whole report."""
        text = [f"# GPU check: {self.machine['device']}", ""]
        text += [f"- {key}: {value}" for key, value in self.machine.items()]
        text += ["", self.summary(), ""]
        for part in self.parts:
            if part.rows:
                text += [f"## {part.title}", "", part.note, "", _table(part.columns, part.rows), ""]
        return "\n".join(text)

    def write(self, folder: Path) -> None:
        """`gpu_check.json` and `gpu_check.md`."""
        folder.mkdir(parents=True, exist_ok=True)
        plain = {
            "right": self.right,
            "machine": self.machine,
            "parts": [asdict(part) | {"verdict": part.verdict} for part in self.parts],
        }
        (folder / "gpu_check.json").write_text(json.dumps(plain, indent=1) + "\n")
        (folder / "gpu_check.md").write_text(self.markdown())


def _table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    return markdown(columns, [[_shown(value) for value in row] for row in rows])


def _shown(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
