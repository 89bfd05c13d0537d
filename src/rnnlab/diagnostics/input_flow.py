"""The gradient at the inputs: dL/dx_t of each step that a layer reads, against the lag."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from rnnlab.diagnostics.naming import reading_layers
from rnnlab.diagnostics.time_flow import PassCurves
from rnnlab.layers.inputs import View
from rnnlab.layers.watch import norms_of

Passes = dict[str, list[list[Tensor]]]
"""Of each layer its passes; of a pass the norms (B, t) of its inputs' gradients, step after step.
Most layers read all steps at once, those of a decoder may read them one by one."""


@contextmanager
def watch_inputs(module: nn.Module, seen: Passes) -> Iterator[None]:
    """Watch the inputs of all layers in a `with` block.

    Args:
        module: What holds them.
        seen: Filled by the forward passes with zeros, and by the backward passes with the norms.
    """

    def begin(layer: str) -> View:
        steps: list[Tensor] = []
        seen.setdefault(layer, []).append(steps)
        return partial(_viewed, steps)

    with ExitStack() as stack:
        for name, layer in reading_layers(module).items():
            stack.enter_context(layer.watch_inputs(partial(begin, name)))
        yield


def _viewed(steps: list[Tensor], x: Tensor) -> Tensor:
    """The inputs, for one layer alone; the norms of their gradient come in the backward pass."""
    if not torch.is_grad_enabled():
        return x
    x = x.view_as(x) if x.requires_grad else x.detach().requires_grad_()
    place = len(steps)
    steps.append(norms_of(x.new_zeros(x.shape[:2]).unsqueeze(2)))

    def keep(gradient: Tensor) -> None:
        steps[place] = norms_of(gradient)

    x.register_hook(keep)  # type: ignore[no-untyped-call]
    return x


def input_norms(seen: Passes) -> Mapping[str, list[Tensor]]:
    """Of each layer the norms (B, T) of each pass; without those that had no gradient."""
    joined = {name: [torch.cat(p, dim=1) for p in passes if p] for name, passes in seen.items()}
    return {name: norms for name, norms in joined.items() if norms}


class InputFlow(PassCurves):
    """Measures the gradient at the inputs of every layer, on sampled optimiser steps.

    It is the one curve that every architecture has: recurrent layers, attention, and layers without
    a memory. What a layer does with a step reaches the loss through all of its later outputs: in a
    recurrent net over as many steps as the lag, with attention over one. Of layers in a residual
    block it is the part that comes through the layer, and not what goes around it. In two
    directions each one has its own curve, by its own order of reading.

    Key                                   | Meaning
    input_flow/<layer>/decades_per_step   | slope of log10 ||dL/dx_t|| against the lag, where a
                                          | straight line describes the curve
    input_flow/<layer>/half_life          | steps in which it halves (or doubles)
    input_flow/<layer>/lag_of_tenth       | lag at which it first falls to a tenth of lag 0's
    input_flow/<layer>/lag_of_hundredth   | the same of a hundredth
    input_flow/<layer>/first_last_ratio   | at a sequence's first step over that at its last

    For names and lags see `TimeFlow`. Inputs that nothing is learned from, such as numbers, have
    a gradient as well; to compute it is most of the cost there. For whose gradients these are, and
    what measuring costs, see `PassCurves`.
    """

    name, prefix, quantity = "input_flow", "input_flow", "dL/dx"

    def watch(self, module: nn.Module, seen: dict[str, list[Any]]) -> AbstractContextManager[None]:
        """See `watch_inputs`."""
        return watch_inputs(module, seen)

    def norms(self, seen: dict[str, list[Any]]) -> Mapping[str, list[Tensor]]:
        """See `input_norms`."""
        return input_norms(seen)
