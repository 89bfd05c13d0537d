"""Answers of generation: the best text for a source, and texts that are drawn for it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rnnlab.commands.export.runtime.sampling import Drawing, sample
from rnnlab.commands.export.runtime.texts import answers, begin, search

if TYPE_CHECKING:
    from rnnlab.commands.export.runtime.model import ExportedModel

__all__ = ["answers", "check", "search", "write"]


def check(model: "ExportedModel", tokens: Sequence[str]) -> None:
    """Refuse a label that the model has not learnt."""
    known = model.decoding["labels"]
    unseen = [] if known is None else [token for token in tokens if token not in known]
    if unseen:
        raise SystemExit(
            f"runner.py: {unseen[0]!r} is no label that the model has learnt; "
            f"these are {', '.join(known)}"
        )


def write(model: "ExportedModel", prompt: str, drawing: Drawing) -> list[str]:
    """Texts for a label, or for another source.

    Args:
        model: A model that generates.
        prompt: What they are made for; not empty.
        drawing: How they are drawn.
    """
    tokens = model.inputs.read(prompt)
    if not tokens:
        raise SystemExit("runner.py: --prompt is empty; name what the text is to be made for")
    check(model, tokens)
    decoding = model.decoding
    step, state, _ = begin(model, model.inputs.batch([tokens]), 1)
    banned = [*decoding["banned"], decoding["start"]]
    rows = sample(step, state, decoding["start"], drawing, banned, decoding["end"])
    return [model.text(row) for row in rows]
