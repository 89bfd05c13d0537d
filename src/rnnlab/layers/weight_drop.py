"""DropConnect on recurrent weights (Wan et al. 2013; Merity et al. 2018, arXiv:1708.02182)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from rnnlab.layers.base import Layer
from rnnlab.layers.fused import FusedLayer
from rnnlab.layers.ghost import WEIGHTS, in_one_buffer


@contextmanager
def dropped_weights(module: nn.Module, probability: float) -> Iterator[None]:
    """Within it, recurrent weights of the layers in `module` are zero with a probability.

    One mask for all steps and sequences, drawn on entry; kept weights are scaled by
    1 / (1 - probability). It works with every kernel and cell: the layer's own parameter is
    replaced meanwhile, and gets its gradient through the mask. Recurrent weights are those that
    `Layer.gates` names so. Nothing happens in evaluation mode.

    Args:
        module: A layer, or what holds several.
        probability: Of zeroing a weight, at least 0 and below 1.
    """
    if not module.training or probability == 0.0:
        yield
        return
    taken: list[tuple[dict[str, Any], str, Tensor]] = []

    def replace(parameters: dict[str, Any], name: str, value: Tensor) -> None:
        taken.append((parameters, name, parameters[name]))
        parameters[name] = value

    try:
        for layer, name in recurrent_weights(module):
            path, _, leaf = name.rpartition(".")
            parameters: dict[str, Any] = layer.get_submodule(path)._parameters
            if any(owner is parameters and known == leaf for owner, known, _ in taken):
                continue  # a layer made of layers names the weights of these as well
            replace(parameters, leaf, functional.dropout(parameters[leaf], probability))
        for fused in module.modules():
            if isinstance(fused, FusedLayer) and fused.weight_hh_l0.is_cuda:
                for name, weight in zip(WEIGHTS, in_one_buffer(fused.weights), strict=True):
                    replace(fused._parameters, name, weight)
        yield
    finally:
        for parameters, name, parameter in reversed(taken):
            parameters[name] = parameter


def recurrent_weights(module: nn.Module) -> list[tuple[Layer, str]]:
    """Layers in a module, each with the name of a parameter that `gates` calls recurrent."""
    return [
        (layer, name)
        for layer in module.modules()
        if isinstance(layer, Layer)
        for name in sorted({n for k, (n, _) in layer.gates().items() if k.startswith("recurrent/")})
    ]
