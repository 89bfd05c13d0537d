"""The recurrent matrices of a layer, gate by gate: singular values and eigenvalues."""

from dataclasses import dataclass

import torch
from jaxtyping import Complex, Float
from torch import Tensor

from rnnlab.layers.base import Layer

KERNEL = "recurrent/"
"""What the names of recurrent weights begin with in `Layer.gates`."""


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
    return {
        name.removeprefix(KERNEL): _matrix(layer.get_parameter(parameter)[rows].double().cpu())
        for name, (parameter, rows) in layer.gates().items()
        if name.startswith(KERNEL)
    }


def _matrix(weight: Float[Tensor, "R C"]) -> Matrix:
    singular = torch.linalg.svdvals(weight)
    if weight.shape[0] != weight.shape[1]:
        return Matrix(singular, None)
    found = torch.linalg.eigvals(weight)
    return Matrix(singular, found[found.abs().argsort(descending=True, stable=True)])
