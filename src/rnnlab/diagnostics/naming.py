"""The layers of a model, and what they are called in tags, files and figures."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial

from jaxtyping import Bool
from torch import Tensor, nn

from rnnlab.data.batch import Batch, valid_mask
from rnnlab.layers.base import Layer
from rnnlab.layers.inputs import WatchedInputs
from rnnlab.layers.trace import Trace
from rnnlab.training.convert import layer_name


def recurrent_layers(module: nn.Module) -> dict[str, Layer]:
    """Of all layers in a module those with a state of a fixed size, by name."""
    return {name: layer for name, layer in named_layers(module).items() if layer.fixed_size_state}


def named_layers(module: nn.Module) -> dict[str, Layer]:
    """All layers in a module, by names such as `encoder.0.forward`, `task.decoder.0`."""
    return {
        short_name(prefix): part
        for prefix, part in module.named_modules()
        if isinstance(part, Layer)
    }


def reading_layers(module: nn.Module) -> dict[str, WatchedInputs]:
    """All layers in a module whose inputs can be watched, recurrent or not, by the same names."""
    return {
        short_name(prefix): part
        for prefix, part in module.named_modules()
        if isinstance(part, WatchedInputs)
    }


@contextmanager
def record_layers(module: nn.Module, traces: list[tuple[str, Layer, Trace]]) -> Iterator[None]:
    """Record all layers in a `with` block.

    Args:
        module: What holds them.
        traces: Filled by forward passes: a layer's name, the layer, and its trace, in order of the
            calls.
    """

    def keep(name: str, layer: Layer, trace: Trace) -> None:
        traces.append((name, layer, trace))

    with ExitStack() as stack:
        for name, layer in named_layers(module).items():
            stack.enter_context(layer.record(partial(keep, name, layer)))
        yield


def real_steps(trace: Trace, batch: Batch) -> Bool[Tensor, "B T"]:
    """The steps at which a layer read no padding.

    A decoder reads its target without lengths, since padding behind it does no harm: it reads all
    tokens but the last one.
    """
    if trace.lengths is None and batch.target_lengths is not None:
        return valid_mask(batch.target_lengths - 1, trace.outputs.shape[1])
    return trace.valid


def short_name(prefix: str) -> str:
    """A module's name in tags: `encoder.layers.0.forward_layer` is `encoder.0.forward`.

    The layer of a block has the block's name.
    """
    name = re.sub(r"\.mixer\b", "", prefix.replace(".layers.", ".").removeprefix("layers."))
    return re.sub(r"\b(forward|backward)_layer\b", r"\1", name)


def current_name(name: str) -> str:
    """Today's name in tags of a layer, or of a part of its state, that an earlier version saved."""
    return short_name(layer_name(name))


def part_name(layer: str, part: int) -> str:
    """A part of a layer's state: the layer's own name, or `<layer>/cell` of an LSTM's c."""
    return layer if part == 0 else f"{layer}/cell" if part == 1 else f"{layer}/part{part}"
