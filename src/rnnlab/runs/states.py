"""Hidden states of an encoder, of each input by itself."""

from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Float

from rnnlab.data.batch import Batch
from rnnlab.diagnostics.naming import record_layers
from rnnlab.layers.base import Layer
from rnnlab.layers.trace import Trace
from rnnlab.nn.encoded import Encoded
from rnnlab.nn.encoder import Encoder

Layers = Literal["last", "all"]
"""`last`: what the task reads; `all`: the outputs of each layer and direction as well."""

States = dict[str, Float[np.ndarray, "T H"]]
"""Of one input, by layer: `encoder` is what the task reads, `encoder.0.backward` a layer's outputs.
Step t stands for token t, in all of them."""


class Answer(NamedTuple):
    """A prediction, with the states behind it.

    Attributes:
        tokens: As the model reads them, cut to its longest text; none of a recording.
        prediction: See the task's `predict`.
        states: See `States`; empty for a text without tokens.
    """

    tokens: list[str]
    prediction: Any
    states: States


def encode(encoder: Encoder, batch: Batch, layers: Layers | None) -> tuple[Encoded, list[States]]:
    """An encoded batch, and the states of each of its inputs; empty ones where none are asked for.

    Args:
        encoder: In evaluation mode.
        batch: On its device.
        layers: Which states.
    """
    traces: list[tuple[str, Layer, Trace]] = []
    if layers == "all":
        with record_layers(encoder, traces):
            encoded: Encoded = encoder(batch.inputs, batch.lengths, batch.words)
    else:
        encoded = encoder(batch.inputs, batch.lengths, batch.words)
    rows: list[States] = [{} for _ in range(len(batch))]
    if layers is None:
        return encoded, rows
    for row, length in enumerate(encoded.lengths.tolist()):
        rows[row]["encoder"] = encoded.outputs[row, :length].float().cpu().numpy()
    for name, _, trace in traces:
        if name.startswith("embedding."):  # of words from their characters
            continue
        lengths = trace.valid.sum(1).tolist()
        outputs = trace.outputs.float().cpu().numpy()
        for row, length in enumerate(lengths):
            read = outputs[row, :length]
            rows[row][f"encoder.{name}"] = read[::-1] if name.endswith("backward") else read
    return encoded, rows
