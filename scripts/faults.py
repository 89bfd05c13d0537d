"""Kills, full disks, changed files, flipped bits: does a run or a sweep lose or falsify anything?

    python scripts/faults.py --out /tmp/faults
    python scripts/faults.py --out /tmp/faults --short kills disk

The long form takes an hour or two, the short one a minute. `OUT/faults.json` has what is done; the
same command goes on where it was stopped, and tries again what failed. The exit code is 1 where a
fault was found; its folder is kept.
"""

import argparse
import json
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fault_parts import bit_flips, changed_files, full_disk, kills, long_run, ranks, sweeps
from fault_parts.program import Fault
from rnnlab.files import replacing

Unit = tuple[str, Callable[[Path], dict[str, float]]]

PARTS: dict[str, tuple[Callable[[Any], Iterator[Unit]], Any, Any]] = {
    "kills": (kills.units, 100, 10),
    "ranks": (ranks.units, 10, 0),
    "sweep": (sweeps.units, (200, 10), (30, 3)),
    "disk": (full_disk.units, 24, 3),
    "files": (changed_files.units, 18, 3),
    "flips": (bit_flips.units, 500, 100),
    "long": (long_run.units, 50_000, 400),
}
"""Each part: its units, the size of its long and of its short form."""


def run(out: Path, parts: list[str], *, short: bool) -> dict[str, dict[str, Any]]:
    """Do all units that are not done; what each found, by its name."""
    out.mkdir(parents=True, exist_ok=True)
    file = out / "faults.json"
    done: dict[str, dict[str, Any]] = json.loads(file.read_text()) if file.exists() else {}
    for part in parts:
        units, *sizes = PARTS[part]
        for name, unit in units(sizes[short]):
            if "fault" in done.get(name, {"fault": "not done"}):
                done[name] = _do(unit, out / name.replace("/", "_"))
                with replacing(file) as stream:
                    stream.write(json.dumps(done, indent=1).encode())
                found = done[name].get("fault", done[name])
                print(f"{name}: {found}", flush=True)
    return done


def _do(unit: Callable[[Path], dict[str, float]], folder: Path) -> dict[str, Any]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    began = time.monotonic()
    try:
        figures: dict[str, Any] = dict(unit(folder))
    except Exception as error:  # the others have to be done all the same
        kind = "" if isinstance(error, Fault) else f"{type(error).__name__}: "
        return {"fault": f"{kind}{error}"}
    shutil.rmtree(folder)
    return figures | {"seconds": round(time.monotonic() - began, 1)}


def table(done: dict[str, dict[str, Any]]) -> str:
    """For each kind of unit its figures: numbers are added, measurements (floats) the largest."""
    kinds: dict[str, dict[str, Any]] = {}
    for name, figures in done.items():
        kind = kinds.setdefault(name.split("/")[0], {"units": 0, "faults": 0, "seconds": 0})
        kind["units"] += 1
        kind["faults"] += "fault" in figures
        for key, value in figures.items():
            if key == "seconds" or isinstance(value, int):
                kind[key] = kind.get(key, 0) + value
            elif isinstance(value, float):
                kind[key] = max(kind.get(key, value), value)
    return "\n".join(f"{name:10s}{_line(figures)}" for name, figures in kinds.items())


def _line(figures: dict[str, Any]) -> str:
    return ", ".join(f"{key} {value:.6g}" for key, value in figures.items())


def main() -> int:
    """Run, print the table; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all without it")
    parser.add_argument("--out", type=Path, required=True, help="the folder of its results")
    parser.add_argument("--short", action="store_true", help="a minute instead of an hour")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"{', '.join(sorted(unknown))}: no such part; there are {', '.join(PARTS)}")
    done = run(options.out.resolve(), options.parts or list(PARTS), short=options.short)
    print(table(done))
    return int(any("fault" in figures for figures in done.values()))


if __name__ == "__main__":
    sys.exit(main())
