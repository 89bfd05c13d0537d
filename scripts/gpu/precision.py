"""In which dtype do the layers compute, and what is left of dL/dh_t there?"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from gpu.device import Setting, lower, tf32
from gpu.exactness import error
from gpu.report import Part
from rnnlab.layers.fused import FusedLayer
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN

CELLS = {"rnn": RNN, "lstm": LSTM, "gru": GRU}
WAYS: dict[str, tuple[Any, torch.dtype, str, bool]] = {
    "auto": (torch.float32, torch.float32, "auto", False),
    "auto, TF32": (torch.float32, torch.float32, "auto", True),
    "auto, bfloat16 autocast": (torch.bfloat16, torch.float32, "auto", False),
    "auto, float16 autocast": (torch.float16, torch.float32, "auto", False),
    "bf16": (torch.float32, torch.bfloat16, "bf16", False),
    "fp16": (torch.float32, torch.float16, "fp16", False),
    "fp16, bfloat16 autocast": (torch.bfloat16, torch.float16, "fp16", False),
}
"""Of each way autocast's dtype, the one that the kernel is to have, `cell.precision`, TF32."""

LIMIT = {torch.float32: 5e-3, torch.bfloat16: 0.2, torch.float16: 0.05}
"""Largest relative error of dL/dh_t that is right; measured over 400 steps it is far below."""


def check_precision(setting: Setting) -> Part:
    """The kernel's dtype, errors, and steps whose gradient is lost, with and without a scale."""
    part = setting.part(
        "Precision of the layers",
        ("cell", "precision", "kernel", "outputs", "dL/dh", "lost", "lost without scale"),
        "One layer over 400 steps, loss the mean square of all outputs, kernel=auto. Errors are "
        "relative (Frobenius norm), against float64; `lost` is the share of numbers in dL/dh_t "
        "that are zero where float64 has none. Without scale: the same layer all in that dtype. "
        "Right: the kernel computes in the dtype that it was told, and with float32, bfloat16 and "
        "scaled float16 at most 1 % is lost.",
    )
    batch, steps, features, hidden = (2, 40, 3, 4) if setting.small else (32, 400, 64, 128)
    torch.manual_seed(4)
    x = torch.randn(batch, steps, features, device=setting.device)
    for cell, made in CELLS.items():
        layer = made(features, hidden_size=hidden).to(setting.device)
        with tf32(False):
            exact, _ = _passed(layer.double(), x.double())
            plain = {d: _passed(copy.deepcopy(layer).to(d), x.to(d))[0] for d in LIMIT}
        layer.float()
        for way, (autocast, dtype, precision, fast) in WAYS.items():
            if fast and not setting.cuda:
                continue
            layer.precision = precision
            with tf32(fast), lower(setting.device, autocast):
                found, kernel = _passed(layer, x)
            errors = [error(a, b) for a, b in zip(found, exact, strict=True)]
            lost, without = _lost(found[1], exact[1]), _lost(plain[dtype][1], exact[1])
            names = ", ".join(sorted(str(each).removeprefix("torch.") for each in kernel))
            part.rows.append([cell, way, names, *errors, lost, without])
            told = f"{cell}, {way}"
            if kernel != {dtype}:
                part.failures.append(f"{told}: the kernel computed in {names}")
            if not lost <= 0.01:
                part.failures.append(f"{told}: {lost:.0%} of dL/dh_t are lost")
            if not errors[1] <= LIMIT[dtype]:
                part.failures.append(f"{told}: dL/dh_t is wrong by {errors[1]:.1e}")
    return part


def _passed(layer: FusedLayer, x: Tensor) -> tuple[list[Tensor], set[torch.dtype]]:
    """Outputs and dL/dh_t in float64 on the CPU, and the dtypes that the kernel was given."""
    seen: list[Tensor] = []
    layer.zero_grad()
    with given_to(layer) as dtypes, layer.watch(lambda shown: seen.append(shown.vectors()[0])):
        outputs = layer(x)[0]
    with torch.autocast(x.device.type, enabled=False):
        outputs.square().mean().backward()
    return [part.detach().cpu().double() for part in (outputs, *seen)], dtypes


@contextmanager
def given_to(layer: FusedLayer) -> Iterator[set[torch.dtype]]:
    """The dtypes of inputs and weights that reach a layer's kernel, whichever it is."""
    seen: set[torch.dtype] = set()

    class Seen(type(layer)):  # type: ignore[misc]
        def run_kernel(self, x: Tensor, state: Any, weights: list[Tensor]) -> Any:
            seen.update(each.dtype for each in (x, *weights))
            return super().run_kernel(x, state, weights)

        @property
        def bptt(self) -> Any:
            inner = super().bptt

            def kernel(layout: Any, watcher: Any, *tensors: Tensor) -> Any:
                seen.update(each.dtype for each in tensors)
                return inner(layout, watcher, *tensors)

            return kernel

    before = layer.__class__
    layer.__class__ = Seen
    try:
        yield seen
    finally:
        layer.__class__ = before


def _lost(found: Tensor, exact: Tensor) -> float:
    return float(((found == 0) & (exact != 0)).double().mean())
