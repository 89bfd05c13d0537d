"""A cell, a task and a data set are added to a copy of the project: a Python file and a YAML each.

The whole contract suite then covers them, and nothing else needs a change.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PARTS = Path(__file__).parent / "parts"
NEW = {
    "src/rnnlab/tasks/vote.py": PARTS / "vote.py",
    "configs/task/vote.yaml": PARTS / "vote.yaml",
    "src/rnnlab/data/datasets/majority.py": PARTS / "majority.py",
    "configs/data/majority.yaml": PARTS / "majority.yaml",
}
"""The task and the data set; the cell is that of the guide."""

CELL = {"src/rnnlab/layers/mycell.py": "python", "configs/cell/mycell.yaml": "yaml"}
"""Where the blocks of the guide go."""

WALKS = [
    *("config/test_validate.py", "config/test_schema.py", "config/test_json_schema.py"),
    *("contracts/test_configs.py", "data/test_base.py", "data/test_generated_data.py"),
    *("commands/test_data.py", "test_documentation.py", "test_independence.py"),
]
"""Tests with loops over the choices. Where a choice is a parameter, `-k` with its name finds it."""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The project with the new parts."""
    folder = tmp_path_factory.mktemp("project")
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(lambda name: (ROOT / name).is_file(), listed.splitlines()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    for name, file in NEW.items():
        assert not (folder / name).exists()
        shutil.copy(file, folder / name)
    guide = (ROOT / "docs/guides/own_cell.md").read_text(encoding="utf-8")
    for name, language in CELL.items():
        (text,) = re.findall(rf"```{language}\n# my.*?\n(.*?)```", guide, flags=re.DOTALL)
        text = text.replace("mycell.", "rnnlab.layers.mycell.")
        title = '"""The cell of the guide."""\n\n' if language == "python" else ""
        (folder / name).write_text(title + text, encoding="utf-8")
    return folder


def run(folder, *words):
    """A module of this interpreter, in the copy."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder / "src"), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    return done.stdout


pytestmark = [pytest.mark.programs, pytest.mark.slow, pytest.mark.timeout(1800)]


def test_style_types_and_imports(copy, tmp_path):
    code = [name for name in (*NEW, *CELL) if name.endswith(".py")]
    run(copy, "-m", "ruff", "check", *code)
    run(copy, "-m", "ruff", "format", "--check", *code)
    run(copy, "-m", "mypy", "--cache-dir", str(tmp_path), *code)
    run(copy, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()")


def test_generated_tables_are_all_that_changes(copy):
    def contents():
        return {p: p.read_bytes() for p in copy.rglob("*") if p.suffix in (".md", ".py", ".yaml")}

    before = contents()
    run(copy, "scripts/docs_tables.py")
    changed = {str(p.relative_to(copy)) for p, data in contents().items() if before.get(p) != data}
    pages = {f"docs/options/{group}.md" for group in ("cell", "data", "task")}
    shown = {f"docs/{page}.md" for page in ("cells", "data", "guides/export", "options", "tasks")}
    assert changed == pages | shown
    table = "".join((copy / page).read_text(encoding="utf-8") for page in pages)
    assert "| `mycell` | A leaky unit" in table
    assert "## Vote (vote)" in table
    assert "## Majority (majority)" in table


def test_the_contract_suite_covers_them(copy):
    run(copy, "scripts/docs_tables.py")
    several = "not programs and not browser and not faults and not data"
    pytest_ = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-m", several]
    run(copy, *pytest_, *(f"tests/{name}" for name in WALKS))
    named = run(copy, *pytest_, "-k", "mycell or vote or majority", "tests")
    (passed,) = re.findall(r"(\d+) passed", named)
    assert int(passed) > 50
