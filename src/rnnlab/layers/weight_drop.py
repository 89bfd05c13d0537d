"""DropConnect on recurrent weights (Wan et al. 2013; Merity et al. 2018, arXiv:1708.02182)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from rnnlab.layers.base import Layer


@contextmanager
def dropped_weights(module: nn.Module, probability: float) -> Iterator[None]:
    """Within it, recurrent weights of the layers in `module` are zero with a probability.

    One mask for all steps and sequences, drawn on entry; what is kept is scaled by
    1 / (1 - probability). It holds for every kernel and cell: the layer's own parameter is taken
    away meanwhile, and gets its gradient through the mask. Which weights are recurrent is what
    `Layer.gates` calls so. Nothing happens in evaluation mode.

    Args:
        module: A layer, or what holds several.
        probability: Of zeroing a weight, at least 0 and below 1.
    """
    if not module.training or probability == 0.0:
        yield
        return
    taken: list[tuple[dict[str, Any], str, Tensor]] = []
    natives = [part for part in module.modules() if isinstance(part, nn.RNNBase)]
    try:
        for layer, name in recurrent_weights(module):
            path, _, leaf = name.rpartition(".")
            parameters: dict[str, Any] = layer.get_submodule(path)._parameters
            if any(owner is parameters and known == leaf for owner, known, _ in taken):
                continue  # a layer made of layers names the weights of these as well
            taken.append((parameters, leaf, parameters[leaf]))
            parameters[leaf] = functional.dropout(parameters[leaf], probability)
        for native in natives:
            native._flat_weights = list(_flat(native))
        yield
    finally:
        for parameters, leaf, parameter in taken:
            parameters[leaf] = parameter
        for native in natives:
            native._flat_weights = [getattr(native, name) for name in native._flat_weights_names]


def recurrent_weights(module: nn.Module) -> list[tuple[Layer, str]]:
    """Layers in a module, each with the name of a parameter that `gates` calls recurrent."""
    return [
        (layer, name)
        for layer in module.modules()
        if isinstance(layer, Layer)
        for name in sorted({n for k, (n, _) in layer.gates().items() if k.startswith("recurrent/")})
    ]


def _flat(native: nn.RNNBase) -> Sequence[Tensor]:
    """The weights that torch's kernel is given: slices of one buffer, as cuDNN wants them."""
    weights = [getattr(native, name) for name in native._flat_weights_names]
    if weights[0].device.type != "cuda":
        return weights
    buffer = torch.cat([weight.reshape(-1) for weight in weights])
    parts = torch.split_with_sizes(buffer, [weight.numel() for weight in weights])
    return [part.view_as(weight) for part, weight in zip(parts, weights, strict=True)]
