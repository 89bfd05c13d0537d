"""What of a model is exported: functions of tensors, each with named inputs and outputs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from rnnlab.data.batch import Batch, WordCharacters
from rnnlab.nn.encoded import Encoded
from rnnlab.nn.encoder import Encoder

Answers = Callable[[Encoded], Mapping[str, Tensor]]
"""What of an encoded batch answers are made from, by name."""

SIZES = {"batch": 3, "steps": 9, "words": 4, "characters": 6, "beams": 5, "past": 2}
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
