"""Answers of a language model: what comes next, and texts that go on."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnlab.commands.export.runtime.inputs import Feeds, padded
from rnnlab.commands.export.runtime.sampling import Drawing, sample
from rnnlab.data.vocab import PAD, UNK

if TYPE_CHECKING:
    from rnnlab.commands.export.runtime.model import ExportedModel

Arrays = dict[str, np.ndarray]


def answers(model: "ExportedModel", feeds: Feeds, items: Sequence[Any]) -> list[str]:
    """`token<TAB>probability` of what comes next."""
    log_probs, _ = step(model, feeds["inputs"], start(model, len(items)))
    last = log_probs[np.arange(len(items)), feeds["lengths"] - 1]
    return [f"{shown(model, int(row.argmax()))}\t{np.exp(row.max()):.4f}" for row in last]


def start(model: "ExportedModel", rows: int) -> Arrays:
    """The state before the first token: zeros; of attention no keys and no values."""
    types = {"tensor(int64)": np.int64, "tensor(float)": np.float32}
    return {
        each.name: np.zeros(
            (rows, *(n if isinstance(n, int) else 0 for n in each.shape[1:])), types[each.type]
        )
        for each in model.session("step").get_inputs()
        if each.name.startswith("state_")
    }


def step(model: "ExportedModel", tokens: np.ndarray, state: Arrays) -> tuple[np.ndarray, Arrays]:
    """Log-probabilities (B, T, V) after each of the tokens (B, T), and the next state."""
    found = model.run("step", {"tokens": tokens, **state})
    after = {n.removeprefix("next_"): part for n, part in found.items() if n != "log_probs"}
    return found["log_probs"], after


def shown(model: "ExportedModel", token: int) -> str:
    """A token with its control characters as Python writes them."""
    text = str(model.tokens[token])
    if model.decoding["exact"] and text != UNK:
        text = model.tokenizer.join([text])
    return text if text.isprintable() else repr(text)[1:-1]


def score(model: "ExportedModel", texts: Sequence[list[str]]) -> list[tuple[float, float]]:
    """Log-probability and perplexity of each text with its line end, as a line behind another.

    Args:
        model: A language model.
        texts: Their tokens.
    """
    end = model.decoding["end"]
    rows = [[end, *model.inputs.vocab.ids(text), end] for text in texts]
    ids, _ = padded(rows)
    log_probs, _ = step(model, ids[:, :-1], start(model, len(rows)))
    chosen = np.take_along_axis(log_probs, ids[:, 1:, None], axis=2)[:, :, 0].astype(np.float64)
    counts = [len(row) - 1 for row in rows]
    totals = [float(row[:count].sum()) for row, count in zip(chosen, counts, strict=True)]
    return [
        (total, math.exp(min(-total / count, 700.0)))
        for total, count in zip(totals, counts, strict=True)
    ]


def write(model: "ExportedModel", prompt: str, drawing: Drawing) -> list[str]:
    """A prompt and its continuations; without a prompt, what may follow the end of a line.

    Args:
        model: A language model.
        prompt: Of tokens that the model knows.
        drawing: How they are drawn.
    """
    tokens, vocab, decoding = model.inputs.read(prompt), model.inputs.vocab, model.decoding
    unseen = [token for token in dict.fromkeys(tokens) if token not in vocab or token == PAD]
    if unseen:
        raise SystemExit(f"runner.py: --prompt: the model has never seen {', '.join(unseen)}")
    ids = vocab.ids(tokens) or [decoding["end"]]
    state = start(model, 1)
    if len(ids) > 1:
        _, state = step(model, np.array([ids[:-1]]), state)

    def one(tokens: np.ndarray, state: Arrays) -> tuple[np.ndarray, Arrays]:
        every, after = step(model, tokens[:, None], state)
        return every[:, 0], after

    drawn = sample(one, state, ids[-1], drawing, decoding["banned"])
    return [joined(model, [*tokens, *(model.tokens[i] for i in row)]) for row in drawn]


def joined(model: "ExportedModel", tokens: Sequence[str]) -> str:
    """A text of tokens."""
    text, end = model.tokenizer.join(tokens), model.decoding["line_end"]
    if not model.decoding["exact"]:
        for mark in (f" {end} ", f" {end}", f"{end} "):
            text = text.replace(mark, "\n")
    return text
