"""A tree that is no release is refused, with every reason."""

import subprocess
from pathlib import Path

from release import unready


def tree(folder: Path, *, cited: str, heading: str) -> Path:
    (folder / "pyproject.toml").write_text('[project]\nversion = "1.2.0"\n')
    (folder / "CITATION.cff").write_text(f"version: {cited}\n")
    (folder / "CHANGELOG.md").write_text(f"# Changelog\n\n{heading}\n\n- A.\n\n## 1.1.0 - x\n")
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "all"]):
        subprocess.run([*git, *words], cwd=folder, check=True)
    return folder


def test_what_is_ready(tmp_path: Path) -> None:
    assert list(unready(tree(tmp_path, cited="1.2.0", heading="## 1.2.0 - 2026-12-31"))) == []


def test_all_reasons_at_once(tmp_path: Path) -> None:
    folder = tree(tmp_path, cited="1.1.0", heading="## 1.2.0 (unreleased)")
    (folder / "new.py").write_text("")
    changes, cited, heading = unready(folder)
    assert "new.py" in changes
    assert "1.1.0" in cited
    assert "(unreleased)" in heading
