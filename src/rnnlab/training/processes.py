"""Decisions that the processes of a distributed run take together."""

from lightning import Trainer


def any_process(trainer: Trainer, decision: bool) -> bool:
    """Whether it is true in at least one process; the same answer in all."""
    return _reduced(trainer, decision, every=False)


def all_processes(trainer: Trainer, decision: bool) -> bool:
    """Whether it is true in every process; the same answer in all."""
    return _reduced(trainer, decision, every=True)


def _reduced(trainer: Trainer, decision: bool, *, every: bool) -> bool:
    if trainer.world_size == 1:
        return decision
    return bool(trainer.strategy.reduce_boolean_decision(decision, all=every))
