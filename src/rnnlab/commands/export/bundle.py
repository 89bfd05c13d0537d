"""The modules that predict, copied beside a model so that they need no rnnlab."""

import re
from importlib.util import find_spec
from pathlib import Path

from rnnlab.files import replacing

PACKAGE = "rnnlab.commands.export.runtime"
RUNNER = '''"""Answers of the model in this folder: python runner.py INPUT."""

from runtime.program import main

main()
'''
IMPORT = re.compile(r"^(\s*)from (rnnlab(?:\.\w+)+)\.(\w+) import", re.M)


def write_runner(folder: Path, kind: str) -> None:
    """`runner.py`, and the package `runtime` with all modules that it needs.

    Args:
        folder: Of the model.
        kind: The module that makes answers.
    """
    _write(folder / "runner.py", RUNNER)
    for name, text in bundled(kind).items():
        _write(folder / "runtime" / f"{name}.py", text)


def bundled(kind: str) -> dict[str, str]:
    """The text of each module by its name: what makes these answers, and all that it imports."""
    found: dict[str, str] = {"__init__": _source(PACKAGE)}
    wanted = [f"{PACKAGE}.program", f"{PACKAGE}.{kind}"]
    while wanted:
        module = wanted.pop()
        name = module.rpartition(".")[2]
        if name in found:
            continue
        text = _source(module)
        wanted += [f"{package}.{name}" for _, package, name in IMPORT.findall(text)]
        found[name] = IMPORT.sub(r"\1from .\3 import", text)
    return found


def _source(module: str) -> str:
    spec = find_spec(module)
    assert spec is not None, module  # of this program
    return Path(str(spec.origin)).read_text(encoding="utf-8")


def _write(path: Path, text: str) -> None:
    with replacing(path) as stream:
        stream.write(text.encode())
