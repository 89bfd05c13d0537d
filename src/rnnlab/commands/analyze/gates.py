"""The gates of a layer: their values on real inputs, and their recurrent matrices."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from rnnlab.diagnostics.saturation import MEMORY_GATES, gate_scalars
from rnnlab.layers.base import Layer
from rnnlab.layers.trace import Trace

KERNEL = "recurrent/"
"""What the names of recurrent weights begin with in `Layer.gates`."""


@dataclass(frozen=True)
class Gates:
    """Gates of a layer over all real steps; empty for a cell without any.

    Attributes:
        means: Mean of each unit's sigmoid gates, by gate, float64 (H,).
        shares: Scalars of `gate_scalars` over all units, such as `forget/low`.
    """

    means: Mapping[str, Float[Tensor, "H"]]
    shares: Mapping[str, float]

    @property
    def scales(self) -> dict[str, Float[Tensor, "H"]]:
        """Steps after which a unit has kept 1/e, if its gate were always at its mean.

        -1 / log(mean f) for an LSTM's forget gate f, and the same of a GRU's update gate z, the
        share of the state that is kept (Tallec and Ollivier 2018, arXiv:1804.11188). This is what
        the gates alone do; the recurrent matrices are in the Lyapunov exponents.
        """
        return {
            name: 1 / self.means[name].log().abs() for name in MEMORY_GATES if name in self.means
        }


@torch.no_grad()
def gates_of(layer: Layer, traces: Sequence[Trace]) -> Gates:
    """The gates in these forward passes (see `Layer.gate_values`)."""
    sums: dict[str, Tensor] = {}
    shares: dict[str, float] = {}
    count = sum(int(trace.valid.sum()) for trace in traces)
    for trace in traces:
        values = layer.gate_values(trace)
        share = int(values.valid.sum()) / count
        for name, gate in values.sigmoids.items():
            total = gate[values.valid].double().sum(0)
            sums[name] = sums[name] + total if name in sums else total
        for key, value in gate_scalars("", values, values.valid).items():
            name = key.removeprefix("/")
            if name != "memory":  # time scales say that of each unit
                shares[name] = shares.get(name, 0.0) + share * float(value)
    return Gates({name: total / count for name, total in sums.items()}, shares)


@dataclass(frozen=True)
class Matrix:
    """One gate's recurrent matrix.

    Attributes:
        singular: Singular values, the largest first: how much it can stretch a state in one step.
        eigenvalues: Eigenvalues, the largest modulus first: what applying it again and again does;
            None where it is not square.
    """

    singular: Float[Tensor, "R"]
    eigenvalues: Complex[Tensor, "H"] | None

    @property
    def norm(self) -> float:
        """The largest singular value."""
        return float(self.singular[0])

    @property
    def radius(self) -> float | None:
        """Spectral radius: the largest modulus of an eigenvalue."""
        return None if self.eigenvalues is None else float(self.eigenvalues[0].abs())


@torch.no_grad()
def recurrent_matrices(layer: Layer) -> dict[str, Matrix]:
    """Each recurrent matrix that a layer names in `gates`, by gate; computed in float64."""
    found = {}
    for name, (parameter, rows) in layer.gates().items():
        if name.startswith(KERNEL):
            weight = layer.get_parameter(parameter)[rows].double().cpu()
            values = None
            if weight.shape[0] == weight.shape[1]:
                values = torch.linalg.eigvals(weight)
                values = values[values.abs().argsort(descending=True, stable=True)]
            found[name.removeprefix(KERNEL)] = Matrix(torch.linalg.svdvals(weight), values)
    return found
