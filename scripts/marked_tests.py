"""Counts tests that need something, in a report of pytest; fails if it was there but not used.

pytest --junitxml=tests.xml; python scripts/marked_tests.py tests.xml

Tests marked `data` need the real data sets below RNNLAB_DATA, those marked `browser` a Chromium.
With CI=true a browser is asked for: where it is missing that is a failure.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def marked(marker: str) -> set[tuple[str, str]]:
    """File (as the report writes it) and name of every test that has the mark."""
    command = [sys.executable, "-m", "pytest", "-m", marker, "--collect-only", "-q", "--no-header"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = set()
    for line in listed.splitlines():
        path, colons, name = line.partition("::")
        if colons:
            module = path.removesuffix(".py").replace("/", ".")
            *classes, name = name.split("::")
            found.add((".".join([module, *classes]), name))
    return found


def count(report: str, marker: str, subject: str, place: str, there: bool) -> list[str]:
    """Print what became of the tests; lines that say what is wrong with that.

    Args:
        report: File of pytest.
        marker: Of the tests.
        subject: What they test.
        place: What they need, and where it was found.
        there: Whether none of them may be skipped.
    """
    wanted = marked(marker)
    outcomes: dict[str, list[str]] = {"ran": [], "skipped": []}
    for case in ElementTree.parse(report).iter("testcase"):
        if (case.get("classname", ""), case.get("name", "")) in wanted:
            kind = "ran" if case.find("skipped") is None else "skipped"
            outcomes[kind].append(f"{case.get('classname')}::{case.get('name')}")
    ran, skipped = len(outcomes["ran"]), len(outcomes["skipped"])
    print(f"tests {subject}: {len(wanted)}, of these {ran} ran, {skipped} skipped ({place})")
    if ran + skipped != len(wanted):
        return [f"some tests {subject} are not in the report"]
    return [f"skipped: {name} ({place})" for name in outcomes["skipped"]] if there else []


def main(report: str) -> None:
    """Print the counts; end with an error where tests were skipped that should not be."""
    root = os.environ.get("RNNLAB_DATA")
    data = bool(root) and Path(str(root)).is_dir()
    place = f"RNNLAB_DATA={root}" if data else "no RNNLAB_DATA"
    wrong = count(report, "data", "on real data", place, data)
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    needed = browser is not None or os.environ.get("CI") == "true"
    wrong += count(report, "browser", "in a browser", browser or "no Chromium", needed)
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main(sys.argv[1])
