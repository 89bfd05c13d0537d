"""How fast are the layers? Against bare `nn.*` and the device's own largest product."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from bench.layers import CELLS, NAMED, Shape, grid
from bench.timing import interleave
from gpu.device import Setting, tf32
from gpu.exactness import with_options
from gpu.report import Part

GATES = {"rnn": 1, "lstm": 4, "gru": 3}


def dtypes(setting: Setting) -> list[torch.dtype]:
    """What both modules can compute in: torch's LSTM has no bfloat16 on a CPU without AVX-512."""
    half = setting.cuda or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return [torch.float32, torch.bfloat16] if half else [torch.float32]


def measure_peak(setting: Setting, part: Part) -> dict[torch.dtype, float]:
    """TFLOP/s of a large square product, by dtype; float32 with TF32, as cuDNN is timed here."""
    size = 8192 if setting.cuda else 256 if setting.small else 1024
    peaks = {}
    with tf32(True):
        for dtype in dtypes(setting):
            a = torch.randn(size, size, device=setting.device, dtype=dtype)
            times = interleave({"mm": lambda a=a: a @ a}, budget=setting.budget, calls=5)
            peaks[dtype] = 2 * size**3 / times["mm"].median / 1e12
            part.rows.append([f"product {size}", None, _name(dtype), None, None, None])
            part.rows[-1] += [peaks[dtype], 1.0]
    return peaks


def measure_layers(setting: Setting) -> Part:
    """Forward and backward of each cell's default kernel over the benchmark's shapes."""
    part = setting.part(
        "Speed of the layers",
        ("B, T, D, H", "cell", "precision", "nn ms", "rnnlab ms", "ratio", "TFLOP/s", "of peak"),
        "One layer, one direction, forward and backward, full batches: torch's own module against "
        "the framework's layer with kernel=auto, interleaved, medians of five calls each. The "
        "first rows are the largest product that the device was given, which counts as its peak. "
        "float32 with TF32; in bfloat16 the module's weights are that, and the layer's are float32 "
        "with precision=bf16, cast at every call. TFLOP/s count the gates' products alone.",
    )
    peaks = measure_peak(setting, part)
    shapes = [Shape(2, 5, 4, 8)] if setting.small else [*NAMED, *grid()]
    with tf32(True):
        for shape in shapes:
            for cell, (ours, native) in CELLS.items():
                bare = native(shape.features, shape.hidden, batch_first=True).to(setting.device)
                layer = ours(shape.features, hidden_size=shape.hidden).to(setting.device)
                for dtype in dtypes(setting):
                    bare.to(dtype), with_options(layer, "auto", dtype)
                    work = {
                        "nn": _step(bare, shape, setting, dtype),
                        "rnnlab": _step(layer, shape, setting, torch.float32),
                    }
                    times = interleave(work, budget=setting.budget, calls=5)
                    plain, seconds = times["nn"].median, times["rnnlab"].median
                    achieved = _flops(shape, GATES[cell]) / seconds / 1e12
                    part.rows.append(
                        [
                            str(shape),
                            cell,
                            _name(dtype),
                            1e3 * plain,
                            1e3 * seconds,
                            plain / seconds,
                            achieved,
                            achieved / peaks[dtype],
                        ]
                    )
    return part


def _flops(shape: Shape, gates: int) -> float:
    """Of a forward and a backward pass: three products of the forward one's size."""
    per_step = 2 * gates * shape.hidden * (shape.features + shape.hidden)
    return 3.0 * shape.batch * shape.steps * per_step


def _step(
    module: nn.Module, shape: Shape, setting: Setting, dtype: torch.dtype
) -> Callable[[], None]:
    size = (shape.batch, shape.steps, shape.features)
    x = torch.randn(size, device=setting.device, dtype=dtype, requires_grad=True)
    weight = torch.randn((*size[:2], shape.hidden), device=setting.device)

    def step() -> None:
        module.zero_grad(set_to_none=True)
        x.grad = None
        outputs: Tensor = module(x)[0]
        (outputs.float() * weight).sum().backward()

    return step


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
