"""DropConnect on recurrent weights (Wan et al. 2013; Merity et al. 2018, arXiv:1708.02182)."""

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn
from torch.nn import functional

from rnnlab.layers.base import Layer
from rnnlab.layers.parameters import replaced_parameters


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
    names = {name: module.get_parameter(name) for name in recurrent_weights(module)}
    dropped = {name: functional.dropout(weight, probability) for name, weight in names.items()}
    with replaced_parameters(module, dropped):
        yield


def recurrent_weights(module: nn.Module) -> list[str]:
    """Names of the parameters in a module that its layers' `gates` call recurrent, each once."""
    names = (
        f"{prefix}.{name}".removeprefix(".")
        for prefix, layer in module.named_modules()
        if isinstance(layer, Layer)
        for name in sorted({n for k, (n, _) in layer.gates().items() if k.startswith("recurrent/")})
    )
    return list(dict.fromkeys(names))
