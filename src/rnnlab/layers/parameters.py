"""Other tensors in place of a module's parameters, for a while."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn


@contextmanager
def replaced_parameters(module: nn.Module, tensors: Mapping[str, Tensor]) -> Iterator[None]:
    """Within it, parameters of a module are these tensors.

    Unlike `torch.func.functional_call` it serves any method. Gradients of the tensors flow to
    whatever they were computed from.

    Args:
        module: Afterwards its parameters are the former ones, the same objects.
        tensors: By the names of the parameters.
    """
    former: list[tuple[dict[str, Any], str, Any]] = []
    try:
        for name, tensor in tensors.items():
            path, _, leaf = name.rpartition(".")
            parameters: dict[str, Any] = module.get_submodule(path)._parameters
            former.append((parameters, leaf, parameters[leaf]))
            parameters[leaf] = tensor
        yield
    finally:
        for parameters, leaf, parameter in reversed(former):
            parameters[leaf] = parameter
