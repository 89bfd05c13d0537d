"""Losses: cross entropy over a large vocabulary, and penalties on a layer's outputs."""

from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.autograd import Function
from torch.nn import functional

from rnnlab.data.batch import IGNORE
from rnnlab.errors import ConfigError

CHUNK = 128
"""Rows at a time: their logits stay in a processor's cache (measured: 64 to 256 are alike)."""


def vocabulary_loss(
    features: Float[Tensor, "N E"],
    output: nn.Linear,
    target: Int[Tensor, "N"],
    label_smoothing: float = 0.0,
) -> Float[Tensor, ""]:
    """`cross_entropy(output(features), target)`, the mean over targets that are not `IGNORE`.

    On a CPU, where training in full precision, logits are made, turned into their own gradient
    and multiplied with the weights a few rows at a time (as for GPUs in Hsu et al. 2024,
    arXiv:2410.10989, section 3.2): a training step of a translator with 6,000 words takes 5 % less
    time, and the memory of all logits is not needed. Elsewhere it is the plain formula.

    Args:
        features: What the output layer reads.
        output: From features to logits (N, V), with a bias or without.
        target: Ids below V, or `IGNORE`.
        label_smoothing: Share of a target's probability that is spread over all V.

    Raises:
        ConfigError: In the backward pass with `create_graph=True`.
    """
    device = features.device.type
    wanted = torch.is_grad_enabled() and (features.requires_grad or output.weight.requires_grad)
    if device != "cpu" or not wanted or torch.is_autocast_enabled(device):
        return functional.cross_entropy(
            output(features), target, ignore_index=IGNORE, label_smoothing=label_smoothing
        )
    real = target != IGNORE
    if not real.all():
        features, target = features[real], target[real]
    if not len(target):
        return (features.sum() + output.weight.sum()) * torch.nan  # as the plain formula has it
    loss: Tensor = _Chunked.apply(features, output.weight, output.bias, target, label_smoothing)  # type: ignore[no-untyped-call]
    return loss


class _Chunked(Function):
    """The gradient, softmax minus target, is computed in the forward pass, chunk by chunk."""

    @staticmethod
    def forward(
        ctx: Any,
        features: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        target: Tensor,
        label_smoothing: float,
    ) -> Tensor:
        rows, words = len(features), len(weight)
        to_features = torch.empty_like(features)
        to_weight = torch.zeros_like(weight)
        to_bias = None if bias is None else torch.zeros_like(bias)
        loss = features.new_zeros(())
        room = features.new_empty(min(CHUNK, rows), words)
        for start in range(0, rows, CHUNK):
            some = features[start : start + CHUNK]
            index = target[start : start + CHUNK].unsqueeze(1)
            if bias is None:
                logits = torch.mm(some, weight.t(), out=room[: len(some)])
            else:
                logits = torch.addmm(bias, some, weight.t(), out=room[: len(some)])
            total = logits.logsumexp(dim=1, keepdim=True)
            loss += (1 - label_smoothing) * (total - logits.gather(1, index)).sum()
            if label_smoothing:
                loss += label_smoothing * (total - logits.mean(dim=1, keepdim=True)).sum()
            slope = logits.sub_(total).exp_()
            if label_smoothing:
                slope.sub_(label_smoothing / words)
            slope.scatter_add_(1, index, slope.new_full(index.shape, label_smoothing - 1))
            torch.mm(slope, weight, out=to_features[start : start + CHUNK])
            to_weight.addmm_(slope.t(), some)
            if to_bias is not None:
                to_bias += slope.sum(dim=0)
        ctx.save_for_backward(to_features, to_weight, to_bias)
        ctx.rows = rows
        return loss / rows

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise ConfigError(
                "task: on a CPU the loss over a vocabulary gives no second derivatives "
                "(create_graph=True)"
            )
        scale = gradient / ctx.rows
        parts = (None if part is None else part * scale for part in ctx.saved_tensors)
        return (*parts, None, None)


def activation_l2(outputs: Float[Tensor, "B T O"]) -> Float[Tensor, ""]:
    """Mean square of outputs (Merity et al. 2017, arXiv:1708.01009, "activation regularization").

    Args:
        outputs: Of the last layer, after dropout.
    """
    return outputs.square().mean()


def temporal_l2(raw: Float[Tensor, "B T O"]) -> Float[Tensor, ""]:
    """Mean square of the difference between outputs of neighbouring steps; 0 of a single step.

    ("Temporal activation regularization" of the same paper.)

    Args:
        raw: Outputs of the last layer, before dropout: a mask would make differences of its own.
    """
    changes = raw[:, 1:] - raw[:, :-1]
    return changes.square().sum() / max(1, changes.numel())
