"""Answers of a language model: what comes next, and texts that go on."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rnnlab.commands.export.runtime.inputs import Feeds
from rnnlab.data.vocab import UNK

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


def write(
    model: "ExportedModel",
    prompt: str,
    max_new_tokens: int,
    temperature: float = 0.0,
    seed: int = 1,
) -> str:
    """A prompt and its continuation.

    Args:
        model: A language model.
        prompt: Not empty; of tokens that the model knows.
        max_new_tokens: Tokens to add.
        temperature: Divides log-probabilities; 0 always takes the most probable token.
        seed: The same seed draws the same text.
    """
    random = np.random.default_rng(seed)
    tokens = model.inputs.read(prompt)
    state, ids = start(model, 1), np.array([model.inputs.vocab.ids(tokens)])
    written = list(tokens)
    for _ in range(max_new_tokens):
        every, state = step(model, ids, state)
        log_probs = every[0, -1].astype(np.float64)
        log_probs[model.decoding["banned"]] = -np.inf
        chosen = int(log_probs.argmax())
        if temperature > 0:
            chances = np.exp((log_probs - log_probs.max()) / temperature)
            chosen = int(random.choice(len(chances), p=chances / chances.sum()))
        written.append(model.tokens[chosen])
        ids = np.array([[chosen]])
    text, end = model.tokenizer.join(written), model.decoding["line_end"]
    if not model.decoding["exact"]:
        for mark in (f" {end} ", f" {end}", f"{end} "):
            text = text.replace(mark, "\n")
    return text
