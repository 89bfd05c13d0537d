"""How the weights of a recurrent layer start."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from rnnlab.errors import ConfigError

Init = Literal["orthogonal", "torch"]
"""`orthogonal`: see `orthogonal_`; `torch`: everything uniform in +-1/sqrt(H), biases too."""


@torch.no_grad()
def orthogonal_(weights: Sequence[Tensor]) -> None:
    """Orthogonal recurrent and Glorot-uniform input weights, each gate by itself; biases zero.

    An orthogonal recurrent matrix neither shrinks nor stretches the state (Saxe et al. 2014,
    arXiv:1312.6120). A gate's block is a matrix of its own: drawn over all gates at once, the fans
    of Glorot and Bengio (2010) would be those of a layer that does not exist.

    Args:
        weights: Input and recurrent weights, stacks of (H, .) gate blocks, and their biases.
    """
    weight_ih, weight_hh, *biases = weights
    gates = len(weight_hh) // weight_hh.shape[1]
    for recurrent, inputs in zip(weight_hh.chunk(gates), weight_ih.chunk(gates), strict=True):
        nn.init.orthogonal_(recurrent)
        nn.init.xavier_uniform_(inputs)
    for bias in biases:
        nn.init.zeros_(bias)


def chrono_biases(hidden_size: int, longest: int) -> Tensor:
    """Gate biases (H,) for memories of all lengths, drawn as log U(1, longest - 1).

    A gate that keeps the share s(b) of a state at every step forgets it in about 1 + e^b steps:
    uniform lengths up to the longest (Tallec and Ollivier 2018, arXiv:1804.11188, section 2.2).

    Args:
        hidden_size: Units H.
        longest: Steps that the longest memory lasts, at least 3.
    """
    return torch.empty(hidden_size).uniform_(1, longest - 1).log()


def refuse_beside_chrono(option: str, value: float | None) -> None:
    """Refuse a gate bias that `chrono` would replace.

    Raises:
        ConfigError: A value is given.
    """
    if value is not None:
        raise ConfigError(
            f"cell.{option}: {value} has no effect beside cell.chrono; leave one of them out"
        )
