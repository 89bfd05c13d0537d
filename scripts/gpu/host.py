"""What the host takes for a call, and what CUDA graphs and compiling save of it."""

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from bench.timing import interleave
from gpu.device import Setting, tf32
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN

CELLS = {"rnn": (RNN, nn.RNN), "lstm": (LSTM, nn.LSTM), "gru": (GRU, nn.GRU)}


def measure_host(setting: Setting) -> None:
    """Calls of a layer: the host's time to give orders, and the time until they are done."""
    part = setting.part(
        "The host's time",
        ("B, T, D, H", "cell", "call", "host ms", "done ms"),
        "Forward and backward of one layer, full batch, float32 with TF32. Host: until the call "
        "returns; done: from an idle device to an idle device. `step` is the loop over the cell's "
        "own `step` (kernel=scan), what a cell of one's own gets; compiled: `torch.compile` of the "
        "step; graph: the whole call captured in a CUDA graph. Measured only.",
    )
    shape = (2, 5, 3, 4) if setting.small else (32, 100, 128, 128)
    batch, steps, features, hidden = shape
    x = torch.randn(batch, steps, features, device=setting.device, requires_grad=True)
    if not setting.cuda:
        part.skipped.append("compiled steps and CUDA graphs: there is no GPU")
    with tf32(True):
        for cell, (ours, native) in CELLS.items():
            bare = native(features, hidden, batch_first=True).to(setting.device)
            layer = ours(features, hidden_size=hidden).to(setting.device)
            loop = ours(features, hidden_size=hidden, kernel="scan").to(setting.device)
            calls: dict[str, Callable[[], object]] = {
                "nn": _step(bare, lambda bare=bare: bare(x)[0], x),
                "rnnlab": _step(layer, lambda layer=layer: layer.outputs(x), x),
                "step": _step(loop, lambda loop=loop: loop(x)[0], x),
            }
            made: dict[str, Callable[[], Callable[[], object]]] = {}
            if setting.cuda:
                made = {
                    "rnnlab, graph": lambda calls=calls: captured(calls["rnnlab"]),
                    "step, graph": lambda calls=calls: captured(calls["step"]),
                    "step, compiled": lambda loop=loop: _compiled(loop, x),
                }
            for name, make in made.items():
                try:
                    calls[name] = make()
                    calls[name]()
                except Exception as problem:  # these ways are candidates, no promise
                    calls.pop(name, None)
                    said = (str(problem).splitlines() or [""])[0]
                    part.skipped.append(f"{cell}, {name}: {type(problem).__name__}: {said}")
            done = interleave(calls, budget=setting.budget, calls=3)
            for name, call in calls.items():
                row = [", ".join(map(str, shape)), cell, name]
                part.rows.append([*row, 1e3 * _enqueued(setting, call), 1e3 * done[name].median])


def captured(step: Callable[[], object]) -> Callable[[], object]:
    """The same work as a CUDA graph, that is replayed on the same tensors."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


def _compiled(loop: RNN | LSTM | GRU, x: Tensor) -> Callable[[], object]:
    other = type(loop)(loop.input_size, hidden_size=loop.output_size, kernel="scan").to(x.device)
    other.step = torch.compile(other.step)  # type: ignore[method-assign]
    return _step(other, lambda: other(x)[0], x)


def _enqueued(setting: Setting, call: Callable[[], object], count: int = 5) -> float:
    """Seconds until a call returns, the device idle before; the least of some."""
    least = float("inf")
    for _ in range(count):
        setting.wait()
        before = time.perf_counter()
        call()
        least = min(least, time.perf_counter() - before)
    setting.wait()
    return least


def _step(module: nn.Module, outputs: Callable[[], Tensor], x: Tensor) -> Callable[[], None]:
    def step() -> None:
        module.zero_grad(set_to_none=True)
        x.grad = None
        outputs().square().sum().backward()

    return step
