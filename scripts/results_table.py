"""`docs/results.md`: figures of finished runs, beside goals and published figures.

python scripts/results_table.py RUN|FOLDER ...   add finished runs to docs/results.json
python scripts/results_table.py                  only make docs/results.md of it again
python scripts/results_table.py --check          say whether docs/results.md is what it would be

A folder stands for all runs below it. A run takes the place of an earlier one of the same
experiment, overrides and seed. Runs that did not end, or saw a part of their data only, are
refused.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from results.goals import Goals
from results.page import render
from results.records import FORMAT, Record, Refused, add, load, read
from rnnlab.commands.compare.finding import run_folders
from rnnlab.runs.metrics_json import write_json

DOCS = Path(__file__).parents[1] / "docs"


def main(arguments: Sequence[str] | None = None) -> int:
    """Add the runs, write the page; the exit code: 1 where a run was refused or a check fails."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="*", type=Path, metavar="RUN|FOLDER")
    parser.add_argument("--docs", type=Path, default=DOCS, help="where the three files are")
    parser.add_argument("--check", action="store_true", help="write nothing")
    chosen = parser.parse_args(arguments)
    figures, page = chosen.docs / "results.json", chosen.docs / "results.md"
    goals = Goals.read(DOCS / "results_goals.yaml")
    try:
        records = load(figures)
    except Refused as reason:
        parser.error(str(reason))
    if chosen.check:
        same = page.exists() and page.read_text(encoding="utf-8") == render(records, goals)
        if not same:
            print(f"{page}: not what {figures} gives; run python scripts/results_table.py")
        return 0 if same else 1
    records, refused = gather(chosen.folders, records)
    if chosen.folders:
        write_json(figures, {"format": FORMAT, "runs": records})
    page.write_text(render(records, goals), encoding="utf-8")
    print(f"{len(records)} runs in {page}")
    return 1 if refused else 0


def gather(paths: Sequence[Path], records: Sequence[Record]) -> tuple[list[Record], int]:
    """Records with those of the runs in or below the paths; how many paths or runs were refused.

    Says a line for each run.
    """
    gathered, refused = list(records), 0
    for path in paths:
        folders = sorted(set(run_folders(path)))
        if not folders:
            print(f"{path}: no run in it", file=sys.stderr)
            refused += 1
        for folder in folders:
            try:
                record = read(folder)
            except Refused as reason:
                print(f"{folder}: refused, {reason}", file=sys.stderr)
                refused += 1
                continue
            gathered = add(gathered, record)
            print(f"{folder}: {record['command']}")
    return gathered, refused


if __name__ == "__main__":
    sys.exit(main())
