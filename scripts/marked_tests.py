"""Counts tests in reports of pytest; fails if some are missing, or were skipped without need.

pytest --junitxml=tests.xml; python scripts/marked_tests.py tests.xml ...

All tests have to be in the reports together. Those marked `data` need the real data sets below
RNNLAB_DATA, those marked `browser` a Chromium: where these are there, none may be skipped. With
CI=true a browser is asked for: where it is missing that is a failure.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from xml.etree import ElementTree

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def read(reports: Iterable[str]) -> dict[str, ElementTree.Element]:
    """All tests of some reports, by their full names."""
    found = {}
    for report in reports:
        for case in ElementTree.parse(report).iter("testcase"):
            found[f"{case.get('classname')}::{case.get('name')}"] = case
    return found


def collected() -> int:
    """How many tests there are."""
    command = [sys.executable, "-m", "pytest", "--collect-only", "-qq", "--no-header"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return sum(int(number) for number in re.findall(r"^\S+\.py: (\d+)$", listed, re.MULTILINE))


def skipped(cases: dict[str, ElementTree.Element], need: str) -> tuple[int, list[str]]:
    """Number of the tests that need something, and the names of those that were skipped."""
    mine = {
        name: case
        for name, case in cases.items()
        if any(p.get("value") == need for p in case.iter("property") if p.get("name") == "needs")
    }
    return len(mine), [name for name, case in mine.items() if case.find("skipped") is not None]


def check(cases: dict[str, ElementTree.Element], need: str, place: str, there: bool) -> list[str]:
    """Print what became of the tests that need something; what is wrong with that.

    Args:
        cases: All tests.
        need: `data` or `browser`.
        place: Where that was found.
        there: Whether none may be skipped.
    """
    count, left_out = skipped(cases, need)
    ran = count - len(left_out)
    print(f"tests that need {need}: {count}, of these {ran} ran, {len(left_out)} skipped ({place})")
    if not count:
        return [f"no test that needs {need} is in the reports"]
    return [f"skipped: {name} ({place})" for name in left_out] if there else []


def main(reports: Sequence[str]) -> int:
    """Print the counts; the exit code."""
    cases = read(reports)
    total = collected()
    print(f"tests: {total}, of these {len(cases)} in the reports")
    wrong = [] if len(cases) == total else [f"{total - len(cases)} tests are not in the reports"]
    root = os.environ.get("RNNLAB_DATA")
    data = bool(root) and Path(str(root)).is_dir()
    wrong += check(cases, "data", f"RNNLAB_DATA={root}" if data else "no RNNLAB_DATA", data)
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    needed = browser is not None or os.environ.get("CI") == "true"
    wrong += check(cases, "browser", browser or "no Chromium", needed)
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
