"""Answers of regression: numbers for a text."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rnnlab.commands.export.runtime.inputs import Feeds

if TYPE_CHECKING:
    from rnnlab.commands.export.runtime.model import ExportedModel


def answers(model: "ExportedModel", feeds: Feeds, items: Sequence[Any]) -> list[str]:
    """The values of each with six significant digits, a tab between them."""
    rows = model.run("model", feeds)["values"]
    return ["\t".join(f"{value:.6g}" for value in row) for row in rows]
