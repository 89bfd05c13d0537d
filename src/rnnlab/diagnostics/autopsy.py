"""What broke, where the loss is not finite: the layer, the time step, the sequences, the batch."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from lightning import Trainer
from torch import Tensor

from rnnlab.data.batch import Batch
from rnnlab.data.examples import BatchLoader
from rnnlab.diagnostics.gates import real_steps
from rnnlab.diagnostics.naming import layers_of, short
from rnnlab.layers.trace import Trace
from rnnlab.training.module import SequenceModule

FEW = 8
"""Names or numbers that a sentence lists."""


def autopsy(
    trainer: Trainer, module: SequenceModule, batch: Batch, batch_idx: int, fact: str
) -> str:
    """Save the batch to `<run>/diagnostics/bad_batch.pt`, and say what is known.

    The file holds plain tensors and numbers: all of `Batch`, the numbers of its examples in the
    training split (from 0), step, epoch and batch. `torch.load(..., weights_only=True)` reads it.

    Args:
        trainer: Whose run it is.
        module: With the weights that the batch met, where that is still possible.
        batch: The batch.
        batch_idx: Its number in the epoch.
        fact: What is not finite, in words.
    """
    with trainer.precision_plugin.forward_context():
        cause, rows = first_broken(module, batch)
    loader = trainer.train_dataloader
    numbers = torch.zeros(0, dtype=torch.int64)  # of a loader of another's, unknown
    if isinstance(loader, BatchLoader):
        numbers = torch.from_numpy(loader.plan()[batch_idx])
    rank = f"_{trainer.global_rank}" if trainer.global_rank else ""
    path = Path(trainer.default_root_dir) / "diagnostics" / f"bad_batch{rank}.pt"
    path.parent.mkdir(parents=True, exist_ok=True)
    facts = {"step": trainer.global_step, "epoch": trainer.current_epoch, "batch": batch_idx}
    torch.save({**plain(batch), **facts, "examples": numbers}, path)
    which = f", examples {some(numbers[rows].tolist())}" if rows and len(numbers) else ""
    place = f"epoch {trainer.current_epoch + 1}, batch {batch_idx + 1}"
    fact = f"{fact} after {trainer.global_step} steps ({place})"
    return f"{fact}; {cause}{which}; the batch is in {path}"


@torch.no_grad()
def first_broken(module: SequenceModule, batch: Batch) -> tuple[str, list[int]]:
    """What is not finite first, in the order of computation, and in which rows of the batch.

    Looks at the weights, and at all recurrent layers in a forward pass without dropout.
    """
    broken = [
        short(name)
        for name, part in module.named_modules()
        if not all(bool(torch.isfinite(p).all()) for p in part.parameters(recurse=False))
    ]
    if broken:
        return f"the weights of {some(broken)} were not finite before it", []
    traces: list[tuple[str, Trace]] = []
    training = module.training
    with ExitStack() as stack:
        stack.callback(module.train, training)
        module.eval()
        for name, layer in layers_of(module).items():
            stack.enter_context(layer.record(_keeper(traces, name)))
        loss = module.task.loss(module(batch), batch)
    for name, trace in traces:
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


def _keeper(traces: list[tuple[str, Trace]], name: str) -> Any:
    return lambda trace: traces.append((name, trace))


def plain(batch: Batch) -> dict[str, Any]:
    """A batch as tensors on the CPU, by attribute; None where it has none."""
    words = batch.words
    parts: dict[str, Tensor | None] = {
        "inputs": batch.inputs,
        "lengths": batch.lengths,
        "target": batch.target,
        "target_lengths": batch.target_lengths,
        "word_index": None if words is None else words.index,
        "word_characters": None if words is None else words.characters,
        "word_lengths": None if words is None else words.lengths,
    }
    return {name: None if part is None else part.detach().cpu() for name, part in parts.items()}


def some(names: list[Any]) -> str:
    """The first few of them in words."""
    more = f" and {len(names) - FEW} more" if len(names) > FEW else ""
    return ", ".join(map(str, names[:FEW])) + more
