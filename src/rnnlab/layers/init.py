"""How the weights of a recurrent layer start."""

from typing import Literal

import torch
from torch import Tensor, nn

from rnnlab.errors import ConfigError
from rnnlab.layers.fused import FusedLayer

Init = Literal["orthogonal", "torch"]
"""`orthogonal`: see `orthogonal_`; `torch`: everything uniform in +-1/sqrt(H), biases too."""


@torch.no_grad()
def orthogonal_(layer: FusedLayer) -> None:
    """Orthogonal recurrent and Glorot-uniform input weights, each gate by itself; biases zero.

    An orthogonal recurrent matrix neither shrinks nor stretches the state (Saxe et al. 2014,
    arXiv:1312.6120). A gate's block is a matrix of its own: drawn over all gates at once, the fans
    of Glorot and Bengio (2010) would be those of a layer that does not exist.

    Args:
        layer: One layer, one direction; each of its matrices is a stack of (H, .) gate blocks.
    """
    for gate in layer.gate_names:
        nn.init.orthogonal_(layer.weight_hh_l0[layer.rows(gate)])
        nn.init.xavier_uniform_(layer.weight_ih_l0[layer.rows(gate)])
    nn.init.zeros_(layer.bias_ih_l0)
    nn.init.zeros_(layer.bias_hh_l0)


@torch.no_grad()
def gate_bias_(layer: FusedLayer, gate: str, total: float | Tensor) -> None:
    """Set a gate's bias; torch adds two bias vectors, so one gets the total and the other zero.

    Args:
        layer: One layer, one direction.
        gate: One of its `gate_names`.
        total: What the sum of both biases shall be, (H,) or one for all units.
    """
    layer.bias_ih_l0[layer.rows(gate)] = total
    layer.bias_hh_l0[layer.rows(gate)] = 0.0


def chrono_biases(hidden_size: int, longest: int) -> Tensor:
    """Gate biases (H,) for memories of all lengths, drawn as log U(1, longest - 1).

    A gate that keeps the share s(b) of a state at every step forgets it in about 1 + e^b steps:
    uniform lengths up to the longest (Tallec and Ollivier 2018, arXiv:1804.11188, section 2.2).

    Args:
        hidden_size: Units H.
        longest: Steps that the longest memory shall last, at least 3.
    """
    return torch.empty(hidden_size).uniform_(1, longest - 1).log()


def alone(option: str, value: float | None) -> None:
    """Refuse a gate bias that `chrono` would take the place of.

    Raises:
        ConfigError: A value is given.
    """
    if value is not None:
        raise ConfigError(
            f"cell.{option}: {value} has no effect beside cell.chrono; leave one of them out"
        )
