"""Answers of classification: one label for a text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rnnlab.commands.export.runtime.inputs import Feeds

if TYPE_CHECKING:
    from rnnlab.commands.export.runtime.model import ExportedModel


def answers(model: "ExportedModel", feeds: Feeds, items: Sequence[Any]) -> list[str]:
    """`label<TAB>probability` of each."""
    rows = model.run("model", feeds)["probabilities"]
    names = model.decoding["labels"]
    return [f"{names[row.argmax()]}\t{row.max():.4f}" for row in rows]
