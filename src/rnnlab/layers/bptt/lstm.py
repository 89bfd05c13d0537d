"""Long short-term memory's kernel."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from rnnlab.layers.bptt.kernel import flatten, input_gradient, notify_watcher, saved_tensors
from rnnlab.layers.bptt.layout import Layout
from rnnlab.layers.watch import Watcher

aten = torch.ops.aten


class LSTMFunction(Function):
    """o, i, f = s(..), g = tanh(..) of W x + b + U h; c' = f c + i g, h' = o tanh(c').

    Torch's order of the gates is i, f, g, o. With o rolled to the front the sigmoids stand side by
    side, and so do the three gates that act on c.
    """

    @staticmethod
    def forward(
        ctx: Any,
        layout: Layout,
        watcher: Watcher | None,
        x: Tensor,
        initial: Tensor,
        initial_cell: Tensor,
        *weights: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Outputs, and the final state."""
        w_ih, w_hh, b_ih, b_hh = weights
        size = initial.shape[1]
        inputs = flatten(layout, x)
        states, cells = layout.states(initial), layout.states(initial_cell)
        w_ih, w_hh, bias = (part.roll(size, 0) for part in (w_ih, w_hh, b_ih + b_hh))
        gates = torch.addmm(bias, inputs, w_ih.t())
        tanh_cells = inputs.new_empty(layout.rows, size)
        recurrent = w_hh.t().contiguous()
        flat = (gates, gates[:, : 3 * size], *gates.chunk(4, 1), tanh_cells)
        h_before, h_after = layout.blocks(states)
        c_before, c_after = layout.blocks(cells)
        for h, h_next, c, c_next, total, sigmoids, o, i, f, g, s in zip(
            h_before, h_after, c_before, c_after, *map(layout.steps, flat), strict=True
        ):
            total.addmm_(h, recurrent)
            sigmoids.sigmoid_()
            g.tanh_()
            torch.mul(f, c, out=c_next).addcmul_(i, g)
            torch.tanh(c_next, out=s)
            torch.mul(o, s, out=h_next)
        ctx.save_for_backward(inputs, states, cells, gates, tanh_cells, w_ih, w_hh)
        ctx.set_materialize_grads(False)
        ctx.layout, ctx.watcher = layout, watcher
        return layout.unpack(states[layout.batch :]), layout.final(states), layout.final(cells)

    @staticmethod
    def backward(
        ctx: Any, outputs: Tensor | None, final: Tensor | None, final_cell: Tensor | None
    ) -> tuple[Any, ...]:
        """Gradients of `forward`'s arguments.

        Whatever does not depend on dh and dc is computed for all steps at once. The gradient of o's
        sum is dh times `delta`, that of i's, f's and g's sums dc times `delta`; dh times `through`
        is added to dc.
        """
        inputs, states, cells, gates, tanh_cells, w_ih, w_hh = saved_tensors(ctx)
        layout: Layout = ctx.layout
        total = layout.gradients(outputs, final, states)
        total_cell = layout.gradients(None, final_cell, cells)
        rows, size = tanh_cells.shape
        o, i, f, g = gates.chunk(4, 1)
        delta = torch.empty_like(gates).view(rows, 4, size)
        to_o, to_i, to_f, to_g = delta.unbind(1)
        aten.sigmoid_backward.grad_input(tanh_cells, o, grad_input=to_o)
        aten.sigmoid_backward.grad_input(g, i, grad_input=to_i)
        aten.sigmoid_backward.grad_input(layout.before(cells), f, grad_input=to_f)
        aten.tanh_backward.grad_input(i, g, grad_input=to_g)
        through = aten.tanh_backward(o, tanh_cells)
        h_to, h_at = layout.blocks(total)
        c_to, c_at = layout.blocks(total_cell)
        flat = map(layout.steps, (delta, to_o, delta[:, 1:], through, f))
        steps = zip(h_to, h_at, c_to, c_at, *flat, strict=True)
        for dh_to, dh, dc_to, dc, step, step_o, step_ifg, pass_on, keep in reversed(list(steps)):
            dc.addcmul_(dh, pass_on)
            step_o.mul_(dh)
            step_ifg.mul_(dc.unsqueeze(1))
            dc_to.addcmul_(dc, keep)
            dh_to.addmm_(step.flatten(1), w_hh)
        notify_watcher(ctx, total, total_cell)
        sums = delta.flatten(1)
        bias = sums.sum(0).roll(-size)
        return (
            *(None, None),
            input_gradient(layout, sums, w_ih) if ctx.needs_input_grad[2] else None,
            layout.initial(total),
            layout.initial(total_cell),
            (sums.t() @ inputs).roll(-size, 0),
            (sums.t() @ layout.before(states)).roll(-size, 0),
            bias,
            bias,
        )


lstm: Callable[..., tuple[Tensor, ...]] = LSTMFunction.apply
