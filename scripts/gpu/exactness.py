"""Is every kernel right? Against the loop over `step` in float64 on the CPU."""

import copy
from collections.abc import Callable, Iterator
from functools import partial

import torch
from torch import Tensor, nn

from gpu.device import Setting, tf32
from gpu.report import Part
from rnnlab.layers.base import Layer
from rnnlab.layers.bidirectional import Bidirectional
from rnnlab.layers.fused import FusedLayer
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN

CELLS: dict[str, Callable[..., Layer]] = {
    "rnn": RNN,
    "rnn relu": partial(RNN, nonlinearity="relu"),
    "lstm": LSTM,
    "gru": GRU,
}
KERNELS = ("fused", "bptt", "scan")
TOLERANCE = {
    torch.float64: (1e-12, 1e-12),
    torch.float32: (5e-6, 2e-5),
    torch.bfloat16: (3e-2, 1e-1),
    torch.float16: (4e-3, 2e-2),
}
"""Largest error that is right, of outputs and states, and of gradients: relative Frobenius norms.

Lower precisions are `cell.precision` over float32 weights; 8 and 11 bits, over tens of steps.
"""
PRECISIONS = {torch.bfloat16: "bf16", torch.float16: "fp16"}
"""Choices of `cell.precision`; autocast does not reach the layers."""


def check_exactness(setting: Setting) -> Part:
    """Outputs, final states and gradients of every cell, kernel, direction and precision."""
    part = setting.part(
        "Exactness of the layers",
        ("cell", "kernel", "directions", "lengths", "precision", "outputs", "gradients"),
        "Largest relative error (Frobenius norm) of outputs and final states, and of the gradients "
        "of inputs and weights, against the loop over steps in float64 on the CPU; float32 without "
        "TF32; bfloat16 and float16 by `cell.precision`. Right: at most "
        + ", ".join(f"{a:g} and {b:g} ({_name(d)})" for d, (a, b) in TOLERANCE.items())
        + ". A gradient that jumps (relu) is checked in float32 and float64 alone.",
    )
    batch, steps, features, hidden = (4, 7, 3, 5) if setting.small else (32, 60, 64, 96)
    with tf32(False):
        for cell, module, directions in _modules(features, hidden):
            x = torch.randn(batch, steps, features, dtype=torch.float64)
            for lengths in (None, _lengths(batch, steps)):
                exact = _everything(module, x, lengths, torch.device("cpu"), torch.float64)
                for kernel in KERNELS:
                    for dtype in _precisions(cell):
                        row = [cell, kernel, directions, "full" if lengths is None else "ragged"]
                        twin = with_options(copy.deepcopy(module), kernel, dtype)
                        _compare(
                            part, [*row, _name(dtype)], setting, twin, x, lengths, dtype, exact
                        )
    return part


def _compare(
    part: Part,
    row: list[str],
    setting: Setting,
    module: nn.Module,
    x: Tensor,
    lengths: Tensor | None,
    dtype: torch.dtype,
    exact: dict[str, Tensor],
) -> None:
    try:
        found = _everything(module, x, lengths, setting.device, dtype)
    except (RuntimeError, NotImplementedError) as problem:
        part.failures.append(f"{', '.join(row)}: {str(problem).splitlines()[0]}")
        return
    errors = {key: error(found[key], exact[key]) for key in exact}
    outputs = max(value for key, value in errors.items() if not key.startswith("d"))
    gradients = max(value for key, value in errors.items() if key.startswith("d"))
    part.rows.append([*row, outputs, gradients])
    for name, value, limit in zip(
        ("outputs", "gradients"), (outputs, gradients), TOLERANCE[dtype], strict=True
    ):
        if not value <= limit:  # so that NaN is wrong as well
            part.failures.append(f"{', '.join(row)}: {name} are wrong by {value:.1e}")


def _modules(features: int, hidden: int) -> Iterator[tuple[str, nn.Module, str]]:
    """Each cell alone and in both directions, as the loop over `step`, in float64."""
    for name, cell in CELLS.items():
        torch.manual_seed(1)
        made = partial(cell, hidden_size=hidden, kernel="scan")
        yield name, made(features).double(), "forward"
        yield name, Bidirectional(made(features), made(features)).double(), "both"


def _precisions(cell: str) -> list[torch.dtype]:
    return [d for d in TOLERANCE if cell != "rnn relu" or d not in PRECISIONS]


def _lengths(batch: int, steps: int) -> Tensor:
    """Of all sizes, the longest and the shortest among them, in no order."""
    lengths = torch.randint(1, steps + 1, (batch,))
    lengths[1], lengths[2] = steps, 1
    return lengths


def with_options(module: nn.Module, kernel: str, dtype: torch.dtype) -> nn.Module:
    """The same module, its layers with a kernel and in a precision."""
    for part in module.modules():
        if isinstance(part, FusedLayer):
            part.kernel = kernel  # type: ignore[assignment]
            part.precision = PRECISIONS.get(dtype, "auto")  # type: ignore[assignment]
    return module


def _everything(
    module: nn.Module, x: Tensor, lengths: Tensor | None, device: torch.device, dtype: torch.dtype
) -> dict[str, Tensor]:
    """Outputs, states, and gradients (names with a `d`) of a random linear loss."""
    full = dtype if dtype == torch.float64 else torch.float32
    module = module.to(device, full)
    module.zero_grad()
    x = x.detach().to(device, full).requires_grad_()
    lengths = None if lengths is None else lengths.to(device)
    if isinstance(module, Bidirectional):
        outputs = module.outputs(x, lengths)
        everywhere = torch.full((len(x),), x.shape[1], device=device)
        state = (module.final(outputs, everywhere if lengths is None else lengths),)
    else:
        outputs, state = module(x, lengths)
    results = {"outputs": outputs} | {f"state {i}": each for i, each in enumerate(state)}
    draw = torch.Generator().manual_seed(2)
    loss = torch.zeros((), device=device, dtype=full)
    for each in results.values():
        weight = torch.randn(each.shape, generator=draw, dtype=torch.float64)
        loss = loss + (each.to(full) * weight.to(device, full)).sum()
    loss.backward()
    results["dx"] = x.grad  # type: ignore[assignment]
    for name, parameter in module.named_parameters():
        results[f"d{name}"] = parameter.grad  # type: ignore[assignment]
    return {key: value.detach().cpu().double() for key, value in results.items()}


def error(found: Tensor, exact: Tensor) -> float:
    """Relative error in the Frobenius norm."""
    return float((found - exact).norm() / exact.norm())


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
