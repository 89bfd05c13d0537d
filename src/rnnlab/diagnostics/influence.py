"""How much an encoder's output at the end depends on each step of its input, for any encoder."""

from contextlib import ExitStack
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from rnnlab.data.batch import Batch
from rnnlab.diagnostics.memory import evaluation_mode
from rnnlab.diagnostics.stats import Curve, curve_of
from rnnlab.nn.encoder import Encoder


def influence(encoder: Encoder, batch: Batch, *, probes: int = 4) -> Curve:
    """||d out_T / d x_{T-k}||_F against k: the memory curve of a whole encoder.

    x are the embedded inputs, out_T is `Encoded.final`: of a backward direction its output at the
    first step. The encoder is in evaluation mode and full precision. For v ~ N(0, I),
    E ||v^T J||^2 = ||J||_F^2: the squares are averaged over several v, and the logarithm is taken
    of that. T is each sequence's own last step.

    Args:
        encoder: It is left as it was.
        batch: On the encoder's device.
        probes: Random directions v for each sequence, the same at each call.
    """
    generator = torch.Generator().manual_seed(0)
    shape = (probes, len(batch.inputs), encoder.output_size)
    norms = influence_norms(encoder, batch, torch.randn(shape, generator=generator))
    return curve_of(norms.square().mean(0).sqrt().cpu().numpy())


def influence_norms(
    encoder: Encoder, batch: Batch, directions: Float[Tensor, "P B O"]
) -> Float[Tensor, "P B T"]:
    """||v^T d out_T / d x_t|| of each direction v, sequence and step; zero beyond the lengths."""
    device = batch.inputs.device.type
    read: list[Tensor] = []

    def cut(module: nn.Module, args: Any, embedded: Tensor) -> Tensor:
        read.append(embedded.detach().requires_grad_())
        return read[-1]

    rows = []
    with ExitStack() as stack:
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.autocast(device, enabled=False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(evaluation_mode(encoder))
        stack.callback(encoder.embedding.register_forward_hook(cut).remove)
        for direction in directions:
            final = encoder(batch.inputs, batch.lengths, batch.words).final
            projected = (final * direction.to(final)).sum()
            (gradient,) = torch.autograd.grad(projected, read[-1])
            rows.append(gradient.norm(dim=2))
    return torch.stack(rows)
