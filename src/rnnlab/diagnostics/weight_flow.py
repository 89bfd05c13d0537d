"""Norms of the weights' gradients, by gate, and the size of each step's updates."""

from collections.abc import Mapping
from typing import Any

import torch
from lightning import LightningModule, Trainer
from torch import Tensor, nn
from torch.optim import Optimizer

from rnnlab.diagnostics.board import board_of
from rnnlab.diagnostics.naming import short_name
from rnnlab.diagnostics.periodic import PeriodicInstrument
from rnnlab.layers.base import Layer


class WeightFlow(PeriodicInstrument):
    """Posts gradient norms and the size of updates to the board, in fp32, at its own interval.

    Lightning calls it after the AMP unscaling, after DDP's averaging, once per optimiser step
    under accumulation, and before clipping; what an update was is measured after the step, so it
    is exact for any optimiser. On the steps between it does nothing. No value is copied to the
    host here: the board copies all of them at once. What is frozen has no keys.

    Key                          | Meaning
    grad/total                   | norm over all parameters, before clipping
    grad/total_clipped           | the same after clipping, where the trainer clips
    grad/<layer>/<kernel>/<gate> | norm over one gate's rows of one kernel of a recurrent layer;
                                 | kernel: input, recurrent, bias; <layer> as `encoder.0.forward`
    grad/<layer>/head/<n>        | norm over one attention head's weights
    grad/<module>                | norm over the parameters of everything else, such as
                                 | `encoder.embedding` and `task.head`
    update/<module>              | norm of the step's change of a module's or recurrent layer's
                                 | parameters, relative to their norm: about 1e-3 is usual, far
                                 | more says that the learning rate is too large
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._before: dict[str, list[Tensor]] | None = None

    def affordable(self, trainer: Trainer, share: float) -> bool:
        """Every process measures: the first one decides for all."""
        affordable = super().affordable(trainer, share)
        mine = affordable and trainer.is_global_zero
        return trainer.strategy.reduce_boolean_decision(mine, all=False)

    def on_before_optimizer_step(
        self, trainer: Trainer, pl_module: LightningModule, optimizer: Optimizer
    ) -> None:
        """Measure the gradients where it is due, and keep the weights until the step is made."""
        if not self.is_due(trainer):
            return
        with self.timed(trainer):
            norms = gradient_norms(pl_module)
            if trainer.gradient_clip_val and norms:
                norms["grad/total_clipped"] = clipped_norm(
                    pl_module,
                    norms["grad/total"],
                    trainer.gradient_clip_val,
                    by_value=trainer.gradient_clip_algorithm == "value",
                )
            board_of(trainer).post(norms)
            self._before = {
                name: [p.detach().clone() for p in parameters]
                for name, parameters in _trained(pl_module).items()
            }

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *_: Any) -> None:
        """Measure the update, where a measured step has been made."""
        before, self._before = self._before, None
        if before:
            with self.timed(trainer):
                board_of(trainer).post(update_ratios(pl_module, before))


def gradient_norms(module: nn.Module) -> dict[str, Tensor]:
    """Norms of all gradients, as 0-dimensional fp32 tensors, by board key."""
    slices: dict[str, list[Tensor]] = {}
    for prefix, part in module.named_modules():
        name = short_name(prefix)
        if isinstance(part, Layer):
            for gate, (parameter, rows) in part.gates().items():
                grad = part.get_parameter(parameter).grad
                if grad is not None:
                    slices[f"grad/{name}/{gate}"] = [grad[rows]]
            for own, indices in part.weight_parts().items():
                blocks = [(part.get_parameter(key).grad, index) for key, index in indices]
                found = [grad[index] for grad, index in blocks if grad is not None]
                if found:
                    slices[f"grad/{name}/{own}"] = found
        else:
            grads = [p.grad for p in part.parameters(recurse=False) if p.grad is not None]
            if grads:
                slices[f"grad/{name}"] = grads
    slices["grad/total"] = [p.grad for p in module.parameters() if p.grad is not None]
    every = [grad.float() for grads in slices.values() for grad in grads]
    if not every:
        return {}
    sizes = [len(grads) for grads in slices.values()]
    parts = torch.stack(torch._foreach_norm(every)).split_with_sizes(sizes)
    return {key: torch.linalg.vector_norm(part) for key, part in zip(slices, parts, strict=True)}


def clipped_norm(module: nn.Module, total: Tensor, limit: float, *, by_value: bool) -> Tensor:
    """The norm of the whole gradient after clipping.

    Args:
        module: Its gradients, not yet clipped.
        total: Their norm.
        limit: Largest norm; or largest magnitude of an element, where it is clipped by value.
        by_value: Which of the two.
    """
    if not by_value:
        return total * (limit / (total + 1e-6)).clamp(max=1.0)  # as `clip_grads_with_norm_` has it
    grads = [p.grad.float() for p in module.parameters() if p.grad is not None]
    clamped = torch._foreach_clamp_min(torch._foreach_clamp_max(grads, limit), -limit)
    norm: Tensor = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(clamped)))
    return norm


@torch.no_grad()
def update_ratios(module: nn.Module, before: Mapping[str, list[Tensor]]) -> dict[str, Tensor]:
    """||W' - W|| / ||W'|| of each group of parameters, W' those of the module now.

    Relative to the new weights, so that what starts at zero gives 1.

    Args:
        module: After an optimiser step.
        before: Copies of its trained parameters from before it, by name of their module; they
            are overwritten.
    """
    trained = _trained(module)
    now = [p.detach() for name in before for p in trained[name]]
    changes = [copy for copies in before.values() for copy in copies]
    torch._foreach_sub_(changes, now)
    norms = torch.stack(torch._foreach_norm([*changes, *now])).float().view(2, -1)
    sizes = [len(copies) for copies in before.values()]
    result: dict[str, Tensor] = {}
    for name, part in zip(before, torch.split_with_sizes(norms, sizes, dim=1), strict=True):
        change, weight = torch.linalg.vector_norm(part, dim=1)
        result[f"update/{name}"] = change / weight.clamp_min(torch.finfo(weight.dtype).tiny)
    return result


def _trained(module: nn.Module) -> dict[str, list[nn.Parameter]]:
    """The parameters with a gradient, by name of the module that they belong to."""
    found = {
        short_name(prefix): [p for p in part.parameters(recurse=False) if p.grad is not None]
        for prefix, part in module.named_modules()
    }
    return {name: parameters for name, parameters in found.items() if parameters}
