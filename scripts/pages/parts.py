"""Sections of docs/tasks.md and docs/cells.md: from `configs/`, classes and measurements."""

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rnnlab.config.files import choices, read_yaml, summary
from rnnlab.config.help import markdown_table
from rnnlab.config.trust import locate


def tasks() -> str:
    """A section for each task."""
    return "\n".join("\n".join(task(name, file)) for name, file in choices("task").items())


def task(name: str, file: Path) -> Iterator[str]:
    """What it learns, from which data, with which options, and the experiments that show it."""
    settings = read_yaml(file)
    component = locate(settings["task"]["_target_"])
    known = sorted(other for other, path in choices("experiment").items() if chosen(path) == name)
    rows = [
        ["try", f"`rnnlab train task={name}`"],
        ["data, if you name none", f"`{override(settings, 'data')}`"],
        ["other settings", f"`{' '.join(changed(settings))}`"],
        ["options", options_link("task", component)],
        ["experiments", ", ".join(f"`{other}`" for other in known) or "none"],
    ]
    yield f"## {name}\n\n{summary(file)}.\n\n{described(component)}\n"
    yield markdown_table(["", ""], [row for row in rows if row[1] != "``"]) + "\n"


def cells(measured: Path) -> str:
    """A card for each cell; what was measured of it, where it was."""
    known = json.loads(measured.read_text(encoding="utf-8")) if measured.exists() else {"cells": {}}
    return "\n".join("\n".join(cell(name, file, known)) for name, file in choices("cell").items())


def cell(name: str, file: Path, measured: dict[str, Any]) -> Iterator[str]:
    """Equation, paper, options, gradient and speed."""
    component = locate(read_yaml(file)["_target_"])
    rows = [
        ["try", f"`rnnlab train task=delayed_recall cell={name} data.lag=20`"],
        ["options", options_link("cell", component)],
    ]
    found = measured["cells"].get(name)
    if found:
        size = measured["size"]
        tokens = size["B"] * size["T"] / found["milliseconds"]
        curve = found["decades"]
        busy = ", while other work ran on the machine" if measured["other_work"] else ""
        rows += [
            ["parameters", f"{found['parameters']:,}, with D = H = {size['D']}"],
            [
                "forward and backward",
                f"{found['milliseconds']} ms, {tokens:.0f},000 steps a second{busy}",
            ],
            [
                "gradient 10, 50, 100 steps back",
                ", ".join(f"10^{curve[k]:.1f}" for k in (10, 50, 100)),
            ],
        ]
    yield f"## {component.__name__}\n\n{summary(file)}.\n\n{described(component)}\n"
    yield markdown_table([f"`cell={name}`", ""], rows) + "\n"
    if found:
        yield f"![Gradient of {component.__name__} at its inputs](cells/{name}.png)\n"


def described(component: type) -> str:
    """A class's docstring up to its options; paragraphs that are equations keep their lines."""
    text = re.split(r"\n\n(?:Args|Attributes|Raises):", inspect.getdoc(component) or "")[0]
    return "\n\n".join(
        f"```text\n{part}\n```" if part.count(" = ") > 1 else part for part in text.split("\n\n")
    )


def options_link(group: str, component: type) -> str:
    """To the table of a class's options."""
    names = [
        name
        for name, file in choices(group).items()
        if locate(target(read_yaml(file), group)) is component
    ]
    title = f"{component.__name__} {' '.join(names)}".lower().replace(" ", "-")
    return f"[{component.__name__}](options/{group}.md#{title})"


def target(settings: dict[str, Any], group: str) -> str:
    """The class that a choice of a group names."""
    return str(settings.get(group, settings)["_target_"])


def chosen(file: Path) -> str | None:
    """The task of an experiment."""
    return override(read_yaml(file), "task")


def override(settings: dict[str, Any], group: str) -> str | None:
    """The choice that a file's list of defaults makes for a group."""
    for entry in settings.get("defaults", []):
        if isinstance(entry, dict) and f"override /{group}" in entry:
            return str(entry[f"override /{group}"])
    return None


def changed(settings: dict[str, Any], path: str = "") -> Iterator[str]:
    """The options that a file sets, as overrides."""
    for key, value in settings.items():
        if key in ("defaults", "_target_", "hydra"):
            continue
        if isinstance(value, dict):
            yield from changed(value, f"{path}{key}.")
        else:
            shown = value if isinstance(value, str) else json.dumps(value)
            yield f"{path}{key}={shown}"
