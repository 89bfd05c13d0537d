"""A whole step against the same step written by hand with bare `nn.*`, and against its kernels."""

from collections.abc import Callable
from dataclasses import replace
from itertools import cycle, islice
from typing import Any

import torch
from torch import Tensor, nn

from baselines.rivals import LAYERS, plain_model
from bench.problems import PROBLEMS, Problem
from bench.timing import interleave
from gpu.device import Setting, tf32
from gpu.tasks import makers
from rnnlab.data.batch import Batch


def measure_rivals(setting: Setting) -> None:
    """Sentiment and NER on the same batches: rnnlab, by hand, and the recurrent kernels alone."""
    part = setting.part(
        "Training steps against a loop written by hand",
        ("task", "rnnlab ms", "by hand ms", "kernels ms", "share of by hand", "of kernels"),
        "The same batches, on the device before; float32 with TF32, fused Adam, norms clipped; "
        "interleaved medians. By hand: `baselines.encoders.Padded`, bare `nn.*` on padded batches, "
        "both directions exact. Kernels: forward and backward of the `nn` layers alone. Measured "
        "only; the aim is 0.95 of the loop by hand.",
    )
    made = makers(setting.small)
    with tf32(True):
        for problem in PROBLEMS:
            if problem.task == "translation":
                continue
            ready = made[problem.name]()
            batches = [b.to(setting.device) for b in islice(cycle(ready.loader()), 8)]
            words, targets = len(ready.spec.source), ready.spec.target_size  # type: ignore[arg-type]
            ours = nn.ModuleList([ready.encoder, ready.task]).to(setting.device)

            def framework(batch: Batch, ready: Any = ready) -> Tensor:
                encoded = ready.encoder(batch.inputs, batch.lengths, batch.words)
                return ready.task.loss(encoded, batch)

            bare = plain_model(_sized(problem, setting), words, targets).to(setting.device)

            def by_hand(batch: Batch, bare: nn.Module = bare) -> Tensor:
                loss: Tensor = bare(batch.inputs, batch.lengths, batch.target)
                return loss

            work = {
                "rnnlab": _steps(ours, framework, batches),
                "by hand": _steps(bare, by_hand, batches),
                "kernels": _kernels(_sized(problem, setting), batches),
            }
            times = interleave(work, budget=4 * setting.budget)
            mine, hand, kernels = (1e3 * times[k].median / len(batches) for k in work)
            part.rows.append([problem.name, mine, hand, kernels, hand / mine, kernels / mine])


def _sized(problem: Problem, setting: Setting) -> Problem:
    return replace(problem, hidden=8) if setting.small else problem


def _steps(
    model: nn.Module, loss: Callable[[Batch], Tensor], batches: list[Batch]
) -> Callable[[], None]:
    parameters = list(model.parameters())
    optimizer = torch.optim.Adam(parameters, fused=True)

    def run() -> None:
        for batch in batches:
            optimizer.zero_grad()
            loss(batch).backward()
            nn.utils.clip_grad_norm_(parameters, 5.0)
            optimizer.step()

    return run


def _kernels(problem: Problem, batches: list[Batch]) -> Callable[[], None]:
    device = batches[0].inputs.device
    ways = 2 if problem.bidirectional else 1
    layers = [
        LAYERS[problem.cell](problem.embedding, problem.hidden, batch_first=True).to(device)
        for _ in range(ways)
    ]
    inputs = [
        torch.randn(*batch.inputs.shape, problem.embedding, device=device, requires_grad=True)
        for batch in batches
    ]

    def run() -> None:
        for x in inputs:
            for layer in layers:
                layer.zero_grad(set_to_none=True)
                outputs = layer(x)[0]
                outputs.backward(outputs.detach())

    return run
