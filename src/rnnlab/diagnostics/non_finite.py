"""Where a loss that is not finite comes from: layer, time step, sequences; the batch is saved."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from lightning import Trainer

from rnnlab.data.batch import Batch
from rnnlab.data.examples import BatchLoader
from rnnlab.diagnostics.naming import real_steps, record_layers, short_name
from rnnlab.errors import counted, shortened
from rnnlab.layers.base import Layer
from rnnlab.layers.trace import Trace
from rnnlab.training.archive import write_archive
from rnnlab.training.module import SequenceModule


def explain_non_finite(
    trainer: Trainer, module: SequenceModule, batch: Batch, batch_idx: int, fact: str
) -> str:
    """Save the batch to `<run>/diagnostics/bad_batch.pt`, and return a message of what is known.

    The file holds plain tensors and numbers: all of `Batch`, the numbers of its examples in the
    training split (from 0), step, epoch and batch. `torch.load(..., weights_only=True)` reads it.

    Args:
        trainer: The run's.
        module: With the weights that the batch met, where that is still possible.
        batch: The batch.
        batch_idx: Its number in the epoch.
        fact: What is not finite, in words.
    """
    with trainer.precision_plugin.forward_context():
        cause, rows = first_non_finite(module, batch)
    loader = trainer.train_dataloader
    numbers = torch.zeros(0, dtype=torch.int64)  # unknown, unless the loader is ours
    if isinstance(loader, BatchLoader):
        numbers = torch.from_numpy(loader.plan()[batch_idx])
    rank = f"_{trainer.global_rank}" if trainer.global_rank else ""
    path = Path(trainer.default_root_dir) / "diagnostics" / f"bad_batch{rank}.pt"
    facts = {"step": trainer.global_step, "epoch": trainer.current_epoch, "batch": batch_idx}
    write_archive({**batch_tensors(batch), **facts, "examples": numbers}, path)
    which = f", examples {shortened(numbers[rows].tolist())}" if rows and len(numbers) else ""
    place = f"epoch {trainer.current_epoch + 1}, batch {batch_idx + 1}"
    fact = f"{fact} after {counted(trainer.global_step, 'step')} ({place})"
    return f"{fact}; {cause}{which}; the batch is in {path}"


@torch.no_grad()
def first_non_finite(module: SequenceModule, batch: Batch) -> tuple[str, list[int]]:
    """What is not finite first, in the order of computation, and in which rows of the batch.

    Looks at the weights, and at all recurrent layers in a forward pass without dropout.
    """
    broken = [
        short_name(name)
        for name, part in module.named_modules()
        if not all(bool(torch.isfinite(p).all()) for p in part.parameters(recurse=False))
    ]
    if broken:
        return f"the weights of {shortened(broken)} were not finite before it", []
    with ExitStack() as stack:
        stack.callback(module.train, module.training)
        module.eval()
        traces: list[tuple[str, Layer, Trace]] = []
        stack.enter_context(record_layers(module, traces))
        loss = module.task.loss(module(batch), batch)
    for name, _, trace in traces:
        valid = real_steps(trace, batch)
        for what, values in {"what it reads": trace.inputs, "its state": trace.outputs}.items():
            bad = ~torch.isfinite(values).all(dim=2) & valid
            rows = bad.any(dim=1).nonzero().flatten().tolist()
            if rows:
                step = int(bad.any(dim=0).nonzero()[0]) + 1
                share = f"in {len(rows)} of {len(batch)} sequences"
                return f"{name}: {what} is not finite from its time step {step} on {share}", rows
    if torch.isfinite(loss):
        return "without dropout the batch gives a finite loss", []
    return "all recurrent layers are finite: it is the task's head or its loss", []


def batch_tensors(batch: Batch) -> dict[str, Any]:
    """A batch as tensors on the CPU, by attribute; None where it has none."""
    plain = ("inputs", "lengths", "target", "target_lengths")
    parts = {name: getattr(batch, name) for name in plain}
    for name in ("index", "characters", "lengths"):
        parts[f"word_{name}"] = getattr(batch.words, name, None)
    return {name: None if part is None else part.detach().cpu() for name, part in parts.items()}
