"""A section of docs/guides/export.md: what of each task and each data set can be exported."""

from collections.abc import Iterator
from importlib import import_module

import torch

from rnnlab.commands.export.bundle import PACKAGE
from rnnlab.config.compose import compose_words
from rnnlab.config.files import choices
from rnnlab.config.help import markdown_table
from rnnlab.config.trust import make
from rnnlab.data.spec import Spec
from rnnlab.errors import CheckpointError
from rnnlab.runs.build import build_model, build_vectors
from rnnlab.runs.inputs import reader

OPTIONS = {
    "search": "`--num-beams` `--num-return-sequences`",
    "score": "`--score`",
    "write": "`--prompt`",
}
"""Of `runner.py`, by the function that serves them in a module of `PACKAGE`."""


def exports() -> str:
    """The tasks with what their exported models can do, and data of which none is exported."""
    rows = [[f"`{name}`", options(name)] for name in choices("task")]
    refused = ", ".join(f"`data={name}`" for name in unreadable())
    return (
        markdown_table(["`task=`", "options of `runner.py`, beside an input"], rows)
        + f"\n\nRefused, because they read neither text nor sound: models of {refused}."
    )


def options(task: str) -> str:
    """What the exported models of a task can do, with the task's own data."""
    cfg = compose_words("train", [f"task={task}"]).cfg
    spec = make(cfg["data"], []).dry_spec()
    with torch.device("meta"):
        model = build_model(cfg, spec, build_vectors(cfg))
    decoding = model.task.decoding()
    if not decoding:
        return "not exported"
    runtime = import_module(f"{PACKAGE}.{decoding['kind']}")
    known = " ".join(text for name, text in OPTIONS.items() if hasattr(runtime, name)) or "none"
    return known if readable(spec) else f"{known}; of its own data no model is exported"


def unreadable() -> Iterator[str]:
    """Data sets of which no model is exported."""
    for name in choices("data"):
        cfg = compose_words("train", [f"data={name}"]).cfg
        if not readable(make(cfg["data"], []).dry_spec()):
            yield name


def readable(spec: Spec) -> bool:
    """Whether a model of such data reads text or sound."""
    try:
        reader(spec)
    except CheckpointError:
        return False
    return True
