"""What of a model is exported: functions of tensors, each with named inputs and outputs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rnnlab.data.batch import Batch, WordCharacters
from rnnlab.layers.base import State
from rnnlab.nn.encoded import Encoded
from rnnlab.nn.encoder import Encoder

Answers = Callable[[Encoded], Mapping[str, Tensor]]
"""What of an encoded batch answers are made from, by name."""

SIZES = {"batch": 3, "steps": 9, "words": 4, "characters": 6}
"""Of the examples that a graph is traced with; each of them may be another one later."""


@dataclass(frozen=True)
class Graph:
    """A part of a model that is exported.

    Attributes:
        name: Stem of its file.
        module: Called with the inputs in their order, as `*args`; returns a tuple of tensors.
        inputs: Examples of all inputs, by name.
        axes: Of each input the axes that may have any size, and their names.
        outputs: Names of what it returns.
    """

    name: str
    module: nn.Module
    inputs: dict[str, Tensor]
    axes: dict[str, dict[int, str]]
    outputs: tuple[str, ...]


class EncoderGraph(nn.Module):
    """Inputs and lengths, for a model of characters these as well -> what `answers` gives.

    Args:
        encoder: Reads the inputs.
        task: Holds the weights of `answers`.
        answers: Gives the outputs.
    """

    def __init__(self, encoder: Encoder, task: nn.Module, answers: Answers) -> None:
        super().__init__()
        self.encoder, self.task, self.answers = encoder, task, answers

    def forward(self, *parts: Tensor) -> tuple[Tensor, ...]:
        """The outputs, in their order."""
        inputs, lengths, *words = parts
        characters = WordCharacters(*words) if words else None
        return tuple(self.answers(self.encoder(inputs, lengths, characters)).values())


def encoder_graph(
    name: str, encoder: Encoder, task: nn.Module, answers: Answers, batch: Batch
) -> Graph:
    """The graph of an encoder and what a task makes of its outputs.

    Args:
        name: Stem of its file.
        encoder: Reads the inputs.
        task: Holds the weights of `answers`.
        answers: Gives the outputs.
        batch: An example.
    """
    inputs = {"inputs": batch.inputs, "lengths": batch.lengths}
    axes = {"inputs": {0: "batch", 1: "steps"}, "lengths": {0: "batch"}}
    if batch.words is not None:
        inputs |= {
            "words": batch.words.index,
            "characters": batch.words.characters,
            "character_lengths": batch.words.lengths,
        }
        axes |= {
            "words": {0: "batch", 1: "steps"},
            "characters": {0: "words", 1: "characters"},
            "character_lengths": {0: "words"},
        }
    with torch.no_grad():
        outputs = tuple(answers(encoder(batch.inputs, batch.lengths, batch.words)))
    return Graph(name, EncoderGraph(encoder, task, answers), inputs, axes, outputs)


class StepGraph(nn.Module):
    """Tokens, the parts of a state and what else is read -> log-probabilities and the next state.

    Args:
        owner: Holds the weights.
        step: Called with the tokens, a state and the rest.
        parts: Of the state.
    """

    def __init__(
        self, owner: nn.Module, step: Callable[..., tuple[Tensor, State]], parts: int
    ) -> None:
        super().__init__()
        self.owner, self.step, self.parts = owner, step, parts

    def forward(self, *parts: Tensor) -> tuple[Tensor, ...]:
        """The outputs, in their order."""
        tokens, rest = parts[0], parts[1:]
        log_probs, after = self.step(tokens, rest[: self.parts], rest[self.parts :])
        return log_probs, *after


def numbered(name: str, parts: Sequence[Tensor]) -> dict[str, Tensor]:
    """Tensors by a name with their number."""
    return {f"{name}_{number}": part for number, part in enumerate(parts)}


def step_graph(module: StepGraph, inputs: dict[str, Tensor], other: Sequence[Tensor]) -> Graph:
    """The graph of a step. What grows from step to step, as keys and values do, may have any size.

    Args:
        module: The step.
        inputs: An example: tokens, the state of the first step, and the rest.
        other: Another one, in the same order, with another size where any is possible.
    """
    names = [name for name in inputs if name.startswith("state_")]
    axes = {
        name: {0: "rows"} | _differing(part, another)
        for (name, part), another in zip(inputs.items(), other, strict=True)
    }
    with torch.no_grad():
        for _ in range(2):  # of one key alone an axis would seem fixed
            after = module(*inputs.values())[1:]
            for name, part in zip(names, after, strict=True):
                axes[name] |= _differing(inputs[name], part)
            inputs = inputs | dict(zip(names, after, strict=True))
    return Graph("step", module, inputs, axes, ("log_probs", *(f"next_{name}" for name in names)))


def _differing(part: Tensor, other: Tensor) -> dict[int, str]:
    """The axes in which two tensors differ in size."""
    sizes = zip(part.shape, other.shape, strict=True)
    return {axis: f"size_{axis}" for axis, (one, two) in enumerate(sizes) if one != two}
