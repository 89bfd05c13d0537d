"""A table of a multirun's jobs, with the best one marked."""

import csv
import json
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from rnnlab.errors import ConfigError


class SweepTable(Callback):
    """At the end of a multirun, writes `jobs.csv` into its folder and prints it.

    The table is read from the jobs' own folders, so that it does not matter which launcher ran
    them, or whether some were run earlier.
    """

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Write and print."""
        folder = Path(config.hydra.sweep.dir)
        rows = read_jobs(folder)
        if not rows:
            return
        write_csv(folder / "jobs.csv", rows)
        print(as_text(rows))
        print(f"table    {folder / 'jobs.csv'}", flush=True)


def read_jobs(folder: Path) -> list[dict[str, Any]]:
    """One row a job that left a `metrics.json`, in the order of job numbers; the best is marked.

    Raises:
        ConfigError: A `metrics.json` that cannot be read.
    """
    rows: list[dict[str, Any]] = []
    given: list[dict[str, str]] = []
    for file in sorted(folder.glob("*/metrics.json"), key=_number):
        try:
            record = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise ConfigError(f"{file}: not a record of a run ({error})") from None
        said = file.parent / ".hydra" / "overrides.yaml"
        overrides: Any = OmegaConf.load(said) if said.exists() else []
        given.append({str(o).partition("=")[0]: str(o).partition("=")[2] for o in overrides})
        row = {"best": "", "job": file.parent.name.split("_")[0], "status": record["status"]}
        row["score"] = record["score"]
        row |= {f"test/{k}": v for k, v in record["test"].items() if not of_a_label(k)}
        rows.append(row)
    for row, options in zip(rows, swept(given), strict=True):
        row |= options
    scored = [row for row in rows if row["score"] is not None]
    if scored:
        max(scored, key=lambda row: row["score"])["best"] = "*"
    return rows


def of_a_label(metric: str) -> bool:
    """Whether a metric is that of a single label: `f1_PER` of entities, with or without a split."""
    return metric.rpartition("/")[2].startswith("f1_")


def swept(given: list[dict[str, str]]) -> list[dict[str, str]]:
    """Of each job's overrides those that are not the same in all jobs."""
    return [
        {k: v for k, v in one.items() if any(other.get(k) != v for other in given)} for one in given
    ]


def _number(file: Path) -> tuple[int, str]:
    head = file.parent.name.split("_")[0]
    return (int(head) if head.isdigit() else 0, file.parent.name)


def columns(rows: list[dict[str, Any]]) -> list[str]:
    """Names of all columns, in the order of their first appearance."""
    return list(dict.fromkeys(name for row in rows for name in row))


def write_csv(path: Path, rows: list[dict[str, Any]]) -> None:
    """The table as CSV."""
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, columns(rows))
        writer.writeheader()
        writer.writerows(rows)


def as_text(rows: list[dict[str, Any]]) -> str:
    """The table in aligned columns."""
    names = columns(rows)
    cells = [names, *([_show(row.get(name, "")) for name in names] for row in rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(names))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in cells
    )


def _show(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:.4f}" if isinstance(value, float) else str(value)
