"""A page for each room of src/rnnlab that is of use from Python: what its modules make public."""

from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

ROOMS = ("layers", "nn", "tasks", "data", "training", "diagnostics", "runs")


def write(folder: Path) -> None:
    """Write the pages; docs/conf.py does so when the site is built."""
    for room in ROOMS:
        (folder / f"{room}.md").write_text(page(room), encoding="utf-8")


def page(room: str) -> str:
    """All modules of a room, for Sphinx to fill from their docstrings."""
    package = import_module(f"rnnlab.{room}")
    found = walk_packages(package.__path__, f"rnnlab.{room}.")
    parts = [
        f"""\
## {name.removeprefix("rnnlab.")}

```{{eval-rst}}
.. automodule:: {name}
   :members:
   :show-inheritance:
```
"""
        for name in sorted(module.name for module in found if not module.ispkg)
    ]
    first = (package.__doc__ or "").strip()
    return f"# rnnlab.{room}\n\n{first}\n\n" + "\n".join(parts)
