"""The plain recurrent layer's kernel."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from rnnlab.layers.bptt.kernel import flatten, input_gradient, notify_watcher, saved_tensors
from rnnlab.layers.bptt.layout import Layout
from rnnlab.layers.watch import Watcher


@dataclass(frozen=True, slots=True)
class Activation:
    """A nonlinearity that knows its slope from its value.

    Attributes:
        apply_: Applies it in place.
        slope: Its derivative where it has the given values.
    """

    apply_: Callable[[Tensor], Tensor]
    slope: Callable[[Tensor], Tensor]


TANH = Activation(torch.tanh_, lambda value: (value * value).neg_().add_(1.0))
RELU = Activation(torch.relu_, lambda value: (value > 0).to(value.dtype))


class RNNFunction(Function):
    """h' = f(W_ih x + b_ih + W_hh h + b_hh); a step is a product and f, either way."""

    @staticmethod
    def forward(
        ctx: Any,
        activation: Activation,
        layout: Layout,
        watcher: Watcher | None,
        x: Tensor,
        initial: Tensor,
        *weights: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Outputs, and the final state."""
        w_ih, w_hh, b_ih, b_hh = weights
        inputs = flatten(layout, x)
        states = layout.states(initial)
        torch.addmm(b_ih + b_hh, inputs, w_ih.t(), out=states[layout.batch : -1])
        recurrent = w_hh.t().contiguous()
        for before, after in zip(*layout.blocks(states), strict=True):
            activation.apply_(after.addmm_(before, recurrent))
        ctx.save_for_backward(inputs, states, w_ih, w_hh)
        ctx.set_materialize_grads(False)
        ctx.activation, ctx.layout, ctx.watcher = activation, layout, watcher
        return layout.unpack(states[layout.batch :]), layout.final(states)

    @staticmethod
    def backward(ctx: Any, outputs: Tensor | None, final: Tensor | None) -> tuple[Any, ...]:
        """Gradients of `forward`'s arguments."""
        inputs, states, w_ih, w_hh = saved_tensors(ctx)
        layout: Layout = ctx.layout
        total = layout.gradients(outputs, final, states)
        delta = ctx.activation.slope(states[layout.batch : -1])
        before, after = layout.blocks(total)
        for to, at, step in zip(
            reversed(before), reversed(after), reversed(layout.steps(delta)), strict=True
        ):
            to.addmm_(step.mul_(at), w_hh)
        notify_watcher(ctx, total)
        bias = delta.sum(0)
        return (
            *(None, None, None),
            input_gradient(layout, delta, w_ih) if ctx.needs_input_grad[3] else None,
            layout.initial(total),
            delta.t() @ inputs,
            delta.t() @ layout.before(states),
            bias,
            bias,
        )


tanh_rnn: Callable[..., tuple[Tensor, ...]] = partial(RNNFunction.apply, TANH)
relu_rnn: Callable[..., tuple[Tensor, ...]] = partial(RNNFunction.apply, RELU)
