"""Counts the tests on real data in a report of pytest; fails if the data was there but not read.

pytest --junitxml=tests.xml; python scripts/data_tests.py tests.xml
"""

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree


def data_tests() -> set[tuple[str, str]]:
    """File (as the report writes it) and name of every test that is marked `data`."""
    command = [sys.executable, "-m", "pytest", "-m", "data", "--collect-only", "-q", "--no-header"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = set()
    for line in listed.splitlines():
        path, colons, name = line.partition("::")
        if colons:
            module = path.removesuffix(".py").replace("/", ".")
            *classes, name = name.split("::")
            found.add((".".join([module, *classes]), name))
    return found


def main(report: str) -> None:
    """Print the counts; end with an error where data tests were skipped beside the data."""
    wanted = data_tests()
    outcomes: dict[str, list[str]] = {"ran": [], "skipped": []}
    for case in ElementTree.parse(report).iter("testcase"):
        if (case.get("classname", ""), case.get("name", "")) in wanted:
            kind = "ran" if case.find("skipped") is None else "skipped"
            outcomes[kind].append(f"{case.get('classname')}::{case.get('name')}")
    root = os.environ.get("RNNLAB_DATA")
    there = bool(root) and Path(str(root)).is_dir()
    ran, skipped = len(outcomes["ran"]), len(outcomes["skipped"])
    place = f"RNNLAB_DATA={root}" if there else "no RNNLAB_DATA"
    print(f"tests on real data: {len(wanted)}, of these {ran} ran, {skipped} skipped ({place})")
    if ran + skipped != len(wanted):
        sys.exit("some of them are not in the report")
    if there and skipped:
        sys.exit("skipped although there is data:\n  " + "\n  ".join(outcomes["skipped"]))


if __name__ == "__main__":
    main(sys.argv[1])
