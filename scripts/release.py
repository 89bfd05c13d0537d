"""Builds a release into dist/, checks it, and trains with it.

python scripts/release.py               refuses a tree that is not ready
python scripts/release.py --rehearse    the same with any tree
"""

import argparse
import re
import subprocess
import sys
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path

from check_wheel import build, check, run

ROOT = Path(__file__).resolve().parents[1]


def main(arguments: Sequence[str] | None = None) -> int:
    """Wheel and source archive; the exit code: 1 where the tree is not ready."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rehearse", action="store_true", help="build what is no release yet")
    rehearse = parser.parse_args(arguments).rehearse
    if not rehearse and (reasons := list(unready(ROOT))):
        print("\n".join(f"release: {reason}" for reason in reasons), file=sys.stderr)
        return 1
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = [build(ROOT, kind, folder / "dist") for kind in ("wheel", "sdist")]
        print(run([sys.executable, "-m", "twine", "check", "--strict", *files], folder).strip())
        for part in ("wheel", "sdist"):
            (folder / part).mkdir()
        check(files[0], folder / "wheel")
        with tarfile.open(files[1]) as archive:
            archive.extractall(folder / "sdist", filter="data")
        (source,) = (folder / "sdist").iterdir()
        check(build(source, "wheel", folder / "sdist" / "dist"), folder / "sdist")
        (ROOT / "dist").mkdir(exist_ok=True)
        for file in files:
            (ROOT / "dist" / file.name).write_bytes(file.read_bytes())
            print(f"dist/{file.name}")
    if not rehearse:
        version = project_version(ROOT)
        print(f'git tag -a v{version} -m "rnnlab {version}"')
    return 0


def project_version(root: Path) -> str:
    """That of pyproject.toml."""
    text = (root / "pyproject.toml").read_text(encoding="utf-8")
    return str(tomllib.loads(text)["project"]["version"])


def unready(root: Path) -> Iterator[str]:
    """Why this tree is no release: changes, versions that differ, a changelog without a date."""
    version = project_version(root)
    status = subprocess.run(
        ["git", "status", "--porcelain"], cwd=root, capture_output=True, text=True, check=True
    )
    if status.stdout:
        yield f"not committed: {', '.join(line[3:] for line in status.stdout.splitlines())}"
    cited = re.findall(r"^version: (\S+)$", (root / "CITATION.cff").read_text("utf-8"), re.M)
    if cited != [version]:
        yield f"CITATION.cff has version {', '.join(cited)}, pyproject.toml {version}"
    changelog = (root / "CHANGELOG.md").read_text("utf-8")
    (heading,) = re.findall(r"^## .*$", changelog, re.M)[:1]
    if not re.fullmatch(rf"## {re.escape(version)} - \d{{4}}-\d{{2}}-\d{{2}}", heading):
        yield f"CHANGELOG.md begins with '{heading}', not with '## {version} - YEAR-MONTH-DAY'"


if __name__ == "__main__":
    sys.exit(main())
