"""A run's figures in words: what a reader of them should not overlook."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from lightning import Trainer

from rnnlab.errors import tell
from rnnlab.nn.label_scores import Facts
from rnnlab.runs.finish import Outcome
from rnnlab.runs.metrics_json import write_json
from rnnlab.tasks.base import Task
from rnnlab.training.history import History, Validation

RISE = 1.05
"""A validation loss that ends this many times above its lowest value has overfitted."""
SHOWN = 5
"""Labels that a sentence lists."""


def add_verdict(trainer: Trainer, task: Task, outcome: Outcome) -> None:
    """Print the verdict on a completed run, and add it to its record.

    Args:
        trainer: As the test left it.
        task: The task, with the facts of the test.
        outcome: How the run ended, its baseline in the record; `metrics.json` is rewritten.
    """
    if outcome.status != "completed" or not trainer.is_global_zero:
        return
    history = next(c for c in trainer.callbacks if isinstance(c, History))  # type: ignore[attr-defined]
    record = outcome.record
    bag = record.get("baseline", {}).get("test", {}).get(task.monitor)
    found = [*of_test(task, record["test"], {"a bag of words": bag}), *course(history.validations)]
    record["verdict"] = found
    write_json(outcome.folder / "metrics.json", record)
    for sentence in found:
        tell("verdict", sentence)


def of_test(
    task: Task, test: Mapping[str, float], rivals: Mapping[str, float | None] = MappingProxyType({})
) -> list[str]:
    """What test scores say, compared with one answer for everything, and with others.

    Args:
        task: The task, with the facts of the test.
        test: The scores.
        rivals: Other models' monitored score by what they are; None where there is none.
    """
    score, facts = test.get(task.monitor), task.facts
    every = {facts.answer: facts.constant, **rivals}
    found = [] if score is None else compared(task.monitor, task.mode, score, every)
    return [*found, *answers(facts)]


def compared(
    monitor: str, mode: str, score: float, rivals: Mapping[str, float | None]
) -> list[str]:
    """Whether a test score is better than those of models that know less.

    Args:
        monitor: Its name.
        mode: Whether a larger or a smaller score is better.
        score: The score.
        rivals: The others' by what they are; None where there is none.
    """
    named = {name: value for name, value in rivals.items() if value is not None}
    groups: dict[str, list[str]] = {"no better than": [], "better than": []}
    for name, value in named.items():
        beaten = score > value if mode == "max" else score < value
        groups["better than" if beaten else "no better than"].append(f"{name} ({value:.4f})")
    return [
        f"test.{monitor} {score:.4f} is {how} {' and '.join(those)}"
        for how, those in groups.items()
        if those
    ]


def answers(facts: Facts) -> list[str]:
    """What the answers to the test lack, and other remarks on them."""
    if not facts.never:
        return [*facts.remarks]
    more = f" and {len(facts.never) - SHOWN} more" if len(facts.never) > SHOWN else ""
    names = ", ".join(facts.never[:SHOWN])
    return [f"never predicted, though in the test data: {names}{more}", *facts.remarks]


def course(validations: Sequence[Validation]) -> list[str]:
    """Whether a training ended too early, or went on for too long."""
    if len(validations) < 2:
        return []
    *before, last = validations
    if last.score > max(v.score for v in before) and last.loss < min(v.loss for v in before):
        return ["still learning at the end, the last validation was the best: train longer"]
    lowest = min(validations, key=lambda validation: validation.loss)
    if last.loss > RISE * lowest.loss > 0 and validations.index(lowest) < len(validations) - 2:
        return [
            f"overfitted since epoch {lowest.epoch}: val.loss was {lowest.loss:.4f} then, "
            f"{last.loss:.4f} at the end"
        ]
    return []
