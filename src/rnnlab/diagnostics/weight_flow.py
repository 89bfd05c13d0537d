"""Norms of the weights' gradients, before clipping, down to the single gate."""

import torch
from lightning import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.optim import Optimizer

from rnnlab.diagnostics.board import Board
from rnnlab.errors import ConfigError
from rnnlab.layers.base import Layer


class WeightFlow(Callback):
    """Posts gradient norms to the board, in fp32, at its own interval of optimiser steps.

    Lightning calls it after the AMP unscaling, after DDP's averaging, once per optimiser step
    under accumulation, and before clipping. On the steps between it does nothing. No value is
    copied to the host here: the board copies all of them at once.

    Key                          | Meaning
    grad/total                   | norm over all parameters
    grad/<layer>/<kernel>/<gate> | norm over one gate's rows of one kernel of a recurrent layer;
                                 | kernel: input, recurrent, bias; <layer> as `encoder.0.ahead`
    grad/<module>                | norm over the parameters of everything else, such as
                                 | `encoder.embedding` and `task.head`

    Args:
        every_n_steps: Interval in optimiser steps; the first step is always measured.
    """

    def __init__(self, *, every_n_steps: int = 50) -> None:
        if every_n_steps < 1:
            raise ConfigError(
                f"diagnostics.weight_flow.every_n_steps: {every_n_steps} is not at least 1"
            )
        self.every_n_steps = every_n_steps

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        """Measure, where it is due."""
        board = next(c for c in trainer.callbacks if isinstance(c, Board))  # type: ignore[attr-defined]
        if board.due(trainer, self.every_n_steps):
            board.post(gradient_norms(pl_module))


def gradient_norms(module: nn.Module) -> dict[str, Tensor]:
    """Norms of all gradients that there are, as 0-dimensional fp32 tensors, by board key."""
    slices: dict[str, list[Tensor]] = {}
    for prefix, part in module.named_modules():
        name = _short(prefix)
        if isinstance(part, Layer):
            for gate, (parameter, rows) in part.gates().items():
                grad = part.get_parameter(parameter).grad
                if grad is not None:
                    slices[f"grad/{name}/{gate}"] = [grad[rows]]
        else:
            grads = [p.grad for p in part.parameters(recurse=False) if p.grad is not None]
            if grads:
                slices[f"grad/{name}"] = grads
    every = [p.grad for p in module.parameters() if p.grad is not None]
    if not every:
        return {}
    flat = [grad.float() for grads in [*slices.values(), every] for grad in grads]
    norms = torch._foreach_norm(flat)
    result: dict[str, Tensor] = {}
    start = 0
    for key, grads in [*slices.items(), ("grad/total", every)]:
        part_norms = norms[start : start + len(grads)]
        result[key] = torch.linalg.vector_norm(torch.stack(part_norms))
        start += len(grads)
    return result


def _short(prefix: str) -> str:
    return prefix.replace(".layers.", ".")
