"""What a checkpoint brings for the optimiser and its schedule, compared with what they need."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor
from torch.optim import Optimizer


def check_optimizer(optimizer: Optimizer) -> None:
    """Compare what a fused kernel reads with its parameter: it would read beyond a small tensor.

    Raises:
        ValueError: A tensor has another shape than its parameter, and is no single number.
    """
    groups = [group for group in optimizer.param_groups if group.get("fused")]
    for parameter in (each for group in groups for each in group["params"]):
        for key, value in optimizer.state.get(parameter, {}).items():
            if isinstance(value, Tensor) and value.dim() and value.shape != parameter.shape:
                sizes = f"{tuple(value.shape)}, its parameter {tuple(parameter.shape)}"
                raise ValueError(f"{key} of the optimizer has shape {sizes}")


def check_schedule(state: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Compare a scheduler's state with that of a new one: it is used long after it was read.

    Raises:
        TypeError: A value is of another kind.
    """
    for key, value in new.items():
        if not _alike(state.get(key), value):
            raise TypeError(f"{key} of the scheduler is {str(state.get(key))[:60]!r}")


def _alike(value: Any, model: Any) -> bool:
    if isinstance(model, list | tuple):
        return (
            isinstance(value, list | tuple)
            and len(value) == len(model)
            and all(map(_alike, value, model))
        )
    if isinstance(model, int | float) and not isinstance(model, bool):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return model is None or isinstance(value, type(model))
