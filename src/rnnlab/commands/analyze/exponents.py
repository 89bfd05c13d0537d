"""`rnnlab.lyapunov`: the exponents of one layer, of rnnlab or of torch."""

from copy import deepcopy
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnlab.commands.analyze.lyapunov import Exponents, state_size
from rnnlab.commands.analyze.lyapunov import lyapunov as exponents_of
from rnnlab.errors import ConfigError
from rnnlab.layers.base import Layer
from rnnlab.layers.from_torch import TorchLayers, torch_modules
from rnnlab.layers.parameters import replaced_parameters
from rnnlab.layers.trace import Trace

MOST = 8
"""Default number of exponents, where the state has as many."""


def lyapunov(
    layer: Layer | nn.RNN | nn.LSTM | nn.GRU,
    x: Float[Tensor, "B T D"] | Float[Tensor, "T B D"],
    *,
    name: str | None = None,
    k: int | None = None,
    transient: int = 0,
    seed: int = 1,
) -> Exponents:
    """The largest Lyapunov exponents of a layer that reads `x`: does it forget, or is it chaotic?

    Below 0 a small change of the state shrinks, above 0 it grows; `half_life` and `verdict` say
    how fast. Computed exactly, in float64, on the CPU; see `rnnlab.commands.analyze.lyapunov`.

    Example:
        >>> import torch, rnnlab
        >>> gru = torch.nn.GRU(3, 16, batch_first=True)
        >>> rnnlab.lyapunov(gru, torch.randn(4, 200, 3), k=2).verdict
        'contracting'

    Args:
        layer: A layer of rnnlab, or a module of torch, which is not changed.
        x: Inputs without padding, as the layer reads them: B streams, batch first unless a module
            of torch wants it otherwise. Several streams give a standard error.
        name: Which one of several layers or directions, such as `1` or `0.backward`: it is driven
            by what the layers below make of `x`.
        k: Number of exponents, the largest first; None for 8, or all where there are fewer.
        transient: First steps to leave out.
        seed: Decides the first directions.

    Raises:
        ConfigError: A number out of its range, a name that is needed or that there is not, or a
            layer that has no state of a fixed size.
    """
    traces: list[Trace] = []
    read: Any = layer
    one, weights = layer, {}
    if not isinstance(layer, Layer):
        if torch_modules(layer).get("") is not layer:
            raise ConfigError(f"layer: {type(layer).__name__} is no recurrent layer")
        read = TorchLayers(layer)
        names = list(read.layers)
        name = names[0] if name is None and len(names) == 1 else name
        if name not in names:
            raise ConfigError(f"name: {name} is none of {', '.join(names)}")
        one, weights = read.layers[name], read.parameters_of(names.index(name))
    elif name is not None:
        raise ConfigError("name: this is one layer; leave it out")
    assert isinstance(one, Layer)
    if not one.fixed_size_state:
        raise ConfigError(f"layer: {type(one).__name__} has no state of a fixed size")
    with torch.no_grad(), one.record(traces.append):
        read(x)
    with replaced_parameters(one, {key: nn.Parameter(w.detach()) for key, w in weights.items()}):
        alone = deepcopy(one).cpu()
    inputs = traces[0].inputs.transpose(0, 1).cpu()
    size = state_size(alone.initial_state(1, inputs))
    try:
        return exponents_of(
            alone, inputs, k=min(MOST, size) if k is None else k, transient=transient, seed=seed
        )
    except ValueError as error:  # the numbers, against each other
        raise ConfigError(f"lyapunov: {error}") from None
