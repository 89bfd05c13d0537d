"""A tiny corpus for one task of each class that `configs/task` names."""

from functools import partial
from pathlib import Path

from rnnlab.config.files import choices, read_yaml
from rnnlab.config.trust import locate
from tiny import CORPORA

CLASSES = {
    name: locate(read_yaml(file)["task"]["_target_"]) for name, file in choices("task").items()
}
"""The class of each task."""


def _alike() -> dict[str, str]:
    first = {CLASSES[name].kind: name for name in reversed(CORPORA)}
    known = {CLASSES[name] for name in CORPORA}
    found = {name: name for name in CORPORA}
    for name, task in CLASSES.items():
        if task not in known and task.kind in first:
            known.add(task)
            found[name] = first[task.kind]
    return found


ALIKE = _alike()
"""From a task to the task whose corpus it learns from: itself, or one of the same kind."""


def _corpus(task: str, folder: Path) -> list[str]:
    return [*CORPORA[ALIKE[task]](folder), f"task={task}"]


EVERY_TASK = {task: partial(_corpus, task) for task in ALIKE}
"""What writes the corpus of a task, and gives the overrides that train on it."""
