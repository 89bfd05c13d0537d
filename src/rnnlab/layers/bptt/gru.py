"""The gated recurrent unit's kernel."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from rnnlab.layers.bptt.kernel import flatten, input_gradient, notify_watcher, saved_tensors
from rnnlab.layers.bptt.layout import Layout
from rnnlab.layers.watch import Watcher

aten = torch.ops.aten


class GRUFunction(Function):
    """r, z = s(W x + b + U h + c), n = tanh(W_n x + b_n + r m) with m = U_n h + c_n.

    h' = n + z (h - n). A step is two products and four operations.
    """

    @staticmethod
    def forward(
        ctx: Any,
        layout: Layout,
        watcher: Watcher | None,
        x: Tensor,
        initial: Tensor,
        *weights: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Outputs, and the final state."""
        w_ih, w_hh, b_ih, b_hh = weights
        size = initial.shape[1]
        inputs = flatten(layout, x)
        states = layout.states(initial)
        both, inner = 2 * size, b_hh[2 * size :]
        gates = torch.addmm(b_ih[:both] + b_hh[:both], inputs, w_ih[:both].t())
        new = torch.addmm(b_ih[both:], inputs, w_ih[both:].t())
        memory = torch.empty_like(new)
        u_gates, u_new = w_hh[:both].t().contiguous(), w_hh[both:].t().contiguous()
        flat = (gates, gates[:, :size], gates[:, size:], new, memory)
        for h, after, rz, r, z, n, m in zip(
            *layout.blocks(states), *map(layout.steps, flat), strict=True
        ):
            rz.addmm_(h, u_gates).sigmoid_()
            torch.addmm(inner, h, u_new, out=m)
            n.addcmul_(r, m).tanh_()
            torch.lerp(n, h, z, out=after)
        ctx.save_for_backward(inputs, states, gates, new, memory, w_ih, w_hh)
        ctx.set_materialize_grads(False)
        ctx.layout, ctx.watcher = layout, watcher
        return layout.unpack(states[layout.batch :]), layout.final(states)

    @staticmethod
    def backward(ctx: Any, outputs: Tensor | None, final: Tensor | None) -> tuple[Any, ...]:
        """Gradients of `forward`'s arguments.

        Whatever does not depend on dh is computed for all steps at once, so that a step is linear
        in dh: the gradient of (r, z, m) before the nonlinearities is dh times `delta`.
        """
        inputs, states, gates, new, memory, w_ih, w_hh = saved_tensors(ctx)
        layout: Layout = ctx.layout
        total = layout.gradients(outputs, final, states)
        rows, size = new.shape
        before = layout.before(states)
        reset, update = gates[:, :size], gates[:, size:]
        slope = 1.0 - update
        aten.tanh_backward.grad_input(slope, new, grad_input=slope)  # of n's sum
        delta = new.new_empty(rows, 3, size)
        to_reset, to_update, to_memory = delta.unbind(1)
        torch.mul(slope, reset, out=to_memory)
        torch.mul(slope, memory, out=to_reset)
        aten.sigmoid_backward.grad_input(to_reset, reset, grad_input=to_reset)
        torch.sub(before, new, out=to_update)
        aten.sigmoid_backward.grad_input(to_update, update, grad_input=to_update)
        sources, targets = layout.blocks(total)
        flat = zip(sources, targets, layout.steps(delta), layout.steps(update), strict=True)
        for to, at, step, z in reversed(list(flat)):
            step.mul_(at.unsqueeze(1))
            to.addcmul_(at, z).addmm_(step.flatten(1), w_hh)
        notify_watcher(ctx, total)
        sums = delta.flatten(1)
        d_w_hh, d_b_hh = sums.t() @ before, sums.sum(0)
        torch.mul(slope, total[layout.batch : -1], out=to_memory)  # now n's sum, not m's
        return (
            *(None, None),
            input_gradient(layout, sums, w_ih) if ctx.needs_input_grad[2] else None,
            layout.initial(total),
            sums.t() @ inputs,
            d_w_hh,
            sums.sum(0),
            d_b_hh,
        )


gru: Callable[..., tuple[Tensor, ...]] = GRUFunction.apply
