"""What recurrent layers are called in tags, files and figures."""

from torch import nn

from rnnlab.layers.base import Layer


def layers_of(module: nn.Module) -> dict[str, Layer]:
    """All recurrent layers in a module, by names such as `encoder.0.ahead`, `task.decoder.0`."""
    return {
        short(prefix): part for prefix, part in module.named_modules() if isinstance(part, Layer)
    }


def short(prefix: str) -> str:
    """A module's name without the word that says that it is one of several layers."""
    return prefix.replace(".layers.", ".").removeprefix("layers.")


def part_name(layer: str, part: int) -> str:
    """A part of a layer's state: the layer's own name, or `<layer>/cell` of an LSTM's c."""
    return layer if part == 0 else f"{layer}/cell" if part == 1 else f"{layer}/part{part}"
