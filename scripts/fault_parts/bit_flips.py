"""Checkpoints with one bit flipped: refused, or the weights that they had."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from fault_parts.kills import Unit
from fault_parts.program import Fault
from fault_parts.runs import reference
from fuzz_runs import NAMES, flips


def units(count: int) -> Iterator[Unit]:
    """So many flips of each checkpoint."""
    for name in NAMES:
        yield f"flips/{name}", partial(flip, name, count)


def flip(name: str, count: int, folder: Path) -> dict[str, float]:
    """Flip bits of a checkpoint, one at a time.

    Raises:
        Fault: One of the files was read, with other weights.
    """
    run, _ = reference("memory", folder.parent)
    found = flips(run / "checkpoints" / f"{name}.ckpt", count)
    if found["other weights"]:
        raise Fault(f"{name}.ckpt: {dict(found)}")
    return dict(found)
