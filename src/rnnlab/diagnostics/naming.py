"""What recurrent layers are called in tags, files and figures."""

import re

from torch import nn

from rnnlab.layers.base import Layer
from rnnlab.training.convert import layer_name


def recurrent_layers(module: nn.Module) -> dict[str, Layer]:
    """All recurrent layers in a module, by names such as `encoder.0.forward`, `task.decoder.0`."""
    return {
        short_name(prefix): part
        for prefix, part in module.named_modules()
        if isinstance(part, Layer)
    }


def short_name(prefix: str) -> str:
    """A module's name in tags: `encoder.layers.0.forward_layer` is `encoder.0.forward`."""
    name = prefix.replace(".layers.", ".").removeprefix("layers.")
    return re.sub(r"\b(forward|backward)_layer\b", r"\1", name)


def current_name(name: str) -> str:
    """Today's name in tags of a layer, or of a part of its state, that an earlier version saved."""
    return short_name(layer_name(name))


def part_name(layer: str, part: int) -> str:
    """A part of a layer's state: the layer's own name, or `<layer>/cell` of an LSTM's c."""
    return layer if part == 0 else f"{layer}/cell" if part == 1 else f"{layer}/part{part}"
