"""A table of a multirun's jobs, with the best one marked."""

import json
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf

from rnnlab.errors import ConfigError
from rnnlab.runs.tables import as_text, of_a_label, write_csv


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
        saved = file.parent / ".hydra" / "overrides.yaml"
        overrides: Any = OmegaConf.load(saved) if saved.exists() else []
        given.append({str(o).partition("=")[0]: str(o).partition("=")[2] for o in overrides})
        row = {"best": "", "job": file.parent.name.split("_")[0], "status": record["status"]}
        row |= {"score": record["score"]} | {k: record[k] for k in ("reason",) if k in record}
        row |= {f"test/{k}": v for k, v in record["test"].items() if not of_a_label(k)}
        rows.append(row)
    for row, options in zip(rows, given, strict=True):
        row |= {k: v for k, v in options.items() if any(o.get(k) != v for o in given)}
    scored = [row for row in rows if row["score"] is not None]
    if scored:
        max(scored, key=lambda row: row["score"])["best"] = "*"
    return rows


def _number(file: Path) -> tuple[int, str]:
    head = file.parent.name.split("_")[0]
    return (int(head) if head.isdigit() else 0, file.parent.name)


def read_record(folder: Path) -> dict[str, Any]:
    """What `metrics.json` says; nothing where there is none."""
    try:
        record = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}
