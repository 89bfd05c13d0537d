"""Builds the wheel, installs it where no checkout is in sight, and trains with it."""

import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parents[1]
TINY = [
    "task=delayed_recall",
    "cell=gru",
    "cell.hidden_size=8",
    "data.lag=3",
    "data.train_size=128",
    "data.val_size=64",
    "data.test_size=64",
    "trainer.max_epochs=1",
    "trainer.enable_progress_bar=false",
    "hydra.run.dir=out",
]


def main() -> None:
    """Everything in a temporary folder; the first step that fails ends the program."""
    with tempfile.TemporaryDirectory() as name:
        check(build(ROOT, "wheel", Path(name) / "dist"), Path(name))


def build(source: Path, kind: Literal["wheel", "sdist"], folder: Path) -> Path:
    """The wheel or the source archive of a source tree, in the folder."""
    run([sys.executable, "-m", "hatchling", "build", "-t", kind, "-d", folder], source)
    (made,) = folder.glob({"wheel": "rnnlab-*.whl", "sdist": "rnnlab-*.tar.gz"}[kind])
    return made


def check(wheel: Path, folder: Path) -> None:
    """A wheel has all, and trains where nothing else of the project is; uses the folder."""
    check_content(wheel)
    program = install(wheel, folder / "venv")
    elsewhere = folder / "elsewhere"
    elsewhere.mkdir()
    run([program, "check", *TINY[:-1]], elsewhere)
    run([program, "train", *TINY], elsewhere)
    record = json.loads((elsewhere / "out" / "metrics.json").read_text(encoding="utf-8"))
    if record["status"] != "completed" or "accuracy" not in record["test"]:
        sys.exit(f"check_wheel: the run did not end well: {record['status']}, {record['test']}")
    print(f"{wheel.name}: built, installed, trained ({wheel.stat().st_size / 1024:.0f} KiB)")


def check_content(wheel: Path) -> None:
    """Every module and configuration is in it, and the mark that it is typed; no tests are."""
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    wanted = {f"rnnlab/{p.relative_to(ROOT)}" for p in (ROOT / "configs").rglob("*.yaml")}
    wanted |= {str(p.relative_to(ROOT / "src")) for p in (ROOT / "src").rglob("*.py")}
    wanted.add("rnnlab/py.typed")
    if missing := sorted(wanted - inside):
        sys.exit(f"check_wheel: not in the wheel: {', '.join(missing)}")
    if others := [name for name in inside if name.startswith(("tests", "scripts"))]:
        sys.exit(f"check_wheel: in the wheel, but not of it: {', '.join(others)}")


def install(wheel: Path, folder: Path) -> Path:
    """The program `rnnlab` of a new environment with this wheel.

    The other packages are those of the environment that runs this program: a path file shows them
    to the new one, without the link to the checkout.
    """
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    pip: list[str | Path] = [sys.executable, "-m", "pip", "--python", python, "install"]
    run([*pip, "--disable-pip-version-check", "--no-deps", "--no-index", wheel], folder)
    paths = sysconfig.get_paths(vars={"base": str(folder), "platbase": str(folder)})
    (Path(paths["purelib"]) / "rest.pth").write_text(sysconfig.get_paths()["purelib"] + "\n")
    where = (
        "import rnnlab, rnnlab.config.files as c; print(rnnlab.__file__, c.config_dir(), sep='\\n')"
    )
    for line in run([python, "-c", where], folder).split():
        if not Path(line).is_relative_to(folder):
            sys.exit(f"check_wheel: {line} is not from the wheel")
    return folder / "bin" / "rnnlab"


def run(command: list[str | Path], folder: Path) -> str:
    """What the command prints; where it fails, that is shown, and the program ends."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        words = " ".join(map(str, command))
        sys.exit(f"check_wheel: {words}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


if __name__ == "__main__":
    main()
