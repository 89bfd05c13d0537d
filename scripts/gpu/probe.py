"""Is dL/dh_t what it says, and what does it cost? Against an unrolled loop in float64."""

import copy
from collections.abc import Callable

import torch
from torch import Tensor

from bench.timing import interleave
from gpu.device import Setting, tf32
from gpu.exactness import CELLS, error
from gpu.report import Part
from gpu.waiting import watched
from rnnlab.data.batch import valid_mask
from rnnlab.layers.base import Layer
from rnnlab.layers.bidirectional import Bidirectional
from rnnlab.layers.padding import last_valid, reverse_padded

KERNELS = ("fused", "bptt")
LOSSES = ("every step", "last step")
TOLERANCE = {torch.float64: 1e-10, torch.float32: 5e-5}
SHAPES = ((32, 40, 100, 128), (64, 200, 100, 512))
"""Small and large: B, T, D, H."""


def check_probe(setting: Setting) -> Part:
    """The gradient at every state, of both directions, kernels, losses and precisions."""
    part = setting.part(
        "Exactness of the gradients through time",
        ("cell", "kernel", "direction", "loss", "precision", "dL/dh", "dL/dc"),
        "Relative error (Frobenius norm) of what `layer.watch` shows of ragged batches, against "
        "retained gradients of an unrolled loop in float64 on the CPU; float32 without TF32. "
        "Right: at most 1e-10 in float64, 5e-5 in float32.",
    )
    batch, steps, features, hidden = (4, 7, 3, 5) if setting.small else (16, 50, 32, 64)
    torch.manual_seed(3)
    x = torch.randn(batch, steps, features, dtype=torch.float64)
    weight = torch.randn(batch, steps, 2 * hidden, dtype=torch.float64)
    lengths = torch.randint(1, steps + 1, (batch,))
    lengths[1], lengths[2] = steps, 1
    for cell, made in CELLS.items():
        exact = Bidirectional(*(made(features, hidden_size=hidden) for _ in range(2))).double()
        for loss in LOSSES:
            wanted = {
                "forward": _unrolled(exact.forward_layer, x, lengths, weight[..., :hidden], loss),
                "backward": _unrolled(
                    exact.backward_layer,
                    reverse_padded(x, lengths),
                    lengths,
                    reverse_padded(weight[..., hidden:], lengths),
                    loss,
                ),
            }
            for kernel in KERNELS:
                for dtype, limit in TOLERANCE.items():
                    twin = copy.deepcopy(exact).to(setting.device, dtype)
                    twin.forward_layer.kernel = twin.backward_layer.kernel = kernel  # type: ignore[assignment]
                    row = [cell, kernel, loss, str(dtype).removeprefix("torch.")]
                    seen = _seen(twin, x, lengths, weight, loss)
                    for way, parts in seen.items():
                        errors = [error(*pair) for pair in zip(parts, wanted[way], strict=False)]
                        shown = [*row[:2], way, *row[2:]]
                        part.rows.append([*shown, *errors, *[None] * (2 - len(errors))])
                        if not max(errors) <= limit:
                            part.failures.append(f"{', '.join(shown)}: wrong by {max(errors):.1e}")
    return part


def measure_probe(setting: Setting) -> Part:
    """A step that is watched against one that is not."""
    part = setting.part(
        "Cost of the gradients through time",
        ("B, T, D, H", "cell", "kernel", "step ms", "watched ms", "times", "waits"),
        "Forward and backward of one layer, norms of dL/dh_t taken, interleaved medians. The steps "
        "that are sampled pay it, no others. Right: nobody waits for the device within either.",
    )
    for shape in ((2, 5, 3, 4),) if setting.small else SHAPES:
        batch, steps, features, hidden = shape
        x = torch.randn(batch, steps, features, device=setting.device)
        for cell, made in CELLS.items():
            for kernel in KERNELS if setting.small or not setting.cuda else ("fused",):
                layer = made(features, hidden_size=hidden, kernel=kernel).to(setting.device)
                work = {"plain": _step(layer, x), "watched": _watched(layer, x)}
                times = interleave(work, budget=setting.budget, calls=3)
                waits = _waits(part, setting, f"{cell} {kernel}", _watched(layer, x))
                plain, seen = times["plain"].median, times["watched"].median
                row = [", ".join(map(str, shape)), cell, kernel]
                part.rows.append([*row, 1e3 * plain, 1e3 * seen, seen / plain, waits])
    return part


def _waits(part: Part, setting: Setting, name: str, step: Callable[[], None]) -> int | None:
    if not setting.cuda:
        return None
    with watched() as places:
        step()
    for place in places:
        part.failures.append(f"{name}: a watched step waits at {place}")
    return len(places)


def _step(layer: Layer, x: Tensor) -> Callable[[], None]:
    def step() -> None:
        layer.zero_grad(set_to_none=True)
        layer.outputs(x).square().sum().backward()

    return step


def _watched(layer: Layer, x: Tensor) -> Callable[[], None]:
    step = _step(layer, x)

    def looking() -> None:
        with layer.watch(lambda gradients: gradients.norms()):
            step()

    return looking


def _seen(
    module: Bidirectional, x: Tensor, lengths: Tensor, weight: Tensor, loss: str
) -> dict[str, list[Tensor]]:
    """What each direction's watcher is given; vectors (B, T, H), as the direction reads."""
    like = next(module.parameters())
    x, weight, lengths = x.to(like), weight.to(like), lengths.to(like.device)
    seen: dict[str, list[Tensor]] = {}

    def keep(way: str) -> Callable[..., None]:
        def watcher(gradients) -> None:
            seen[way] = [part.detach().cpu().double() for part in gradients.vectors()]

        return watcher

    forward, backward = module.forward_layer, module.backward_layer
    with tf32(False), forward.watch(keep("forward")), backward.watch(keep("backward")):
        outputs = module.outputs(x, lengths)
        if loss == "every step":
            (outputs * weight).sum().backward()
        else:
            size = forward.output_size
            reverse = reverse_padded(weight[..., size:], lengths)
            ends = [last_valid(weight[..., :size], lengths), last_valid(reverse, lengths)]
            (module.final(outputs, lengths) * torch.cat(ends, 1)).sum().backward()
    return seen


def _unrolled(layer: Layer, x: Tensor, lengths: Tensor, weight: Tensor, loss: str) -> list[Tensor]:
    """Of each part of the state, its total gradients (B, T, H); zero beyond the lengths."""
    real = valid_mask(lengths, x.shape[1])
    state = layer.initial_state(len(x), x)
    outputs, kept = [], []
    for t in range(x.shape[1]):
        output, proposed = layer.step(x[:, t], state)
        for part in proposed:
            part.retain_grad()
        kept.append(proposed)
        outputs.append(output)
        now = real[:, t].unsqueeze(1)
        state = tuple(torch.where(now, a, b) for a, b in zip(proposed, state, strict=True))
    stacked = torch.stack(outputs, 1)
    if loss == "every step":
        (stacked * weight * real.unsqueeze(2)).sum().backward()
    else:
        (last_valid(stacked, lengths) * last_valid(weight, lengths)).sum().backward()
    return [
        torch.stack([torch.zeros_like(p) if p.grad is None else p.grad for p in parts], 1)
        for parts in zip(*kept, strict=True)
    ]
