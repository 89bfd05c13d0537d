"""What a user of the installed package meets first."""

import re
import subprocess
import sys
import time
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

import rnnlab

ROOT = Path(__file__).parents[1]
SLOW = ("torch", "lightning", "torchmetrics", "matplotlib", "tokenizers")


def python(*words: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], cwd=folder, capture_output=True, text=True, timeout=60
    )


def test_one_version_everywhere() -> None:
    assert rnnlab.__version__ == version("rnnlab")
    assert python("-m", "rnnlab", "--version").stdout.strip() == rnnlab.__version__
    assert f"## {rnnlab.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_console_script() -> None:
    (script,) = entry_points(group="console_scripts", name="rnnlab")
    assert script.value == "rnnlab.cli:main"
    assert callable(script.load())


@pytest.mark.parametrize("words", [["--help"], ["train", "--help"], ["data", "--help"]])
def test_help_comes_at_once(words: list[str], tmp_path: Path) -> None:
    """Quick because nothing slow is imported; from any folder."""
    seen = f"import sys; from rnnlab.cli import main; sys.argv = ['rnnlab', *{words}]"
    after = f"print([name for name in {SLOW} if name in sys.modules], file=sys.stderr)"
    program = f"{seen}\ntry:\n    main()\nfinally:\n    {after}"
    started = time.perf_counter()
    done = python("-c", program, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.strip() == "[]"
    assert "rnnlab" in done.stdout
    assert time.perf_counter() - started < 10  # a second, where the machine is not busy


def test_as_a_module_it_says_the_same() -> None:
    program = Path(sys.executable).with_name("rnnlab")
    script = subprocess.run([program, "--help"], capture_output=True, text=True, timeout=60)
    module = python("-m", "rnnlab", "--help")
    assert script.returncode == module.returncode == 0
    assert script.stdout == module.stdout
    for word in ("train", "evaluate", "predict", "check", "data"):
        assert f"rnnlab {word}" in module.stdout


def test_make_lists_its_targets() -> None:
    listed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert listed.returncode == 0, listed.stderr
    targets = re.findall(r"^make ([\w-]+) +\S", listed.stdout, flags=re.MULTILINE)
    assert {"demo", "test", "lint", "type", "imports", "wheel", "ci", "board"} <= set(targets)
    written = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert set(targets) == set(re.findall(r"^([a-z-]+):", written, flags=re.MULTILINE))


def test_an_old_python_is_refused_in_one_line(tmp_path: Path) -> None:
    """With a stand-in that answers as an old interpreter would."""
    old = tmp_path / "python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    for name in ("Makefile", "requirements.lock", "pyproject.toml"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    for interpreter in (str(old), "no-such-python"):
        done = subprocess.run(
            ["make", "test", f"PYTHON={interpreter}"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )
        said = [line for line in done.stderr.splitlines() if not line.startswith("make")]
        assert done.returncode != 0
        assert len(said) == 1
        assert "rnnlab needs Python 3.11 or later" in said[0]
        assert not (tmp_path / ".venv").exists()


def test_lock_fits_the_declared_dependencies() -> None:
    """Every direct dependency is locked, to the version that these tests run with."""
    lines = (ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    locked = dict(line.split("==") for line in lines if line and not line.startswith("#"))
    names = {name.lower().replace("_", "-"): value for name, value in locked.items()}
    declared = (ROOT / "pyproject.toml").read_text(encoding="utf-8").split("[project.scripts]")[0]
    wanted = re.findall(r'^  "([\w-]+)[><=]', declared, flags=re.MULTILINE)
    assert len(wanted) > 20
    for name in wanted:
        assert version(name).partition("+")[0] == names[name]
