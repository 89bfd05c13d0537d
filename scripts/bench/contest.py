"""A task: rnnlab against the baselines, in one process, on the same examples."""

import statistics
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from baselines.loop import Loop
from baselines.rivals import rivals
from bench.duel import Duel, hold
from bench.problems import Problem
from rnnlab.config.compose import compose_words
from rnnlab.data.base import SequenceData
from rnnlab.data.vocab import Vocab
from rnnlab.tasks.translate import Translate
from rnnlab.training.module import SequenceModule

SAME = ("tutorial", "careful")
"""Baselines with rnnlab's model, but for translation, where it is `careful, batched`.

They start with the same weights: what is slow may depend on the numbers. A gradient that vanishes
leaves subnormal ones, with which a CPU calculates ten times slower.
"""


@dataclass(frozen=True)
class Contest:
    """What was measured on one task.

    Attributes:
        name: The problem's.
        command: What stands behind `rnnlab train`.
        parameters: Of each variant.
        tokens: Real source tokens of each round.
        seconds: Of each variant, a value a round.
        predicting: Sentences a second through rnnlab, by kind of prediction.
    """

    name: str
    command: str
    parameters: dict[str, int]
    tokens: list[int]
    seconds: dict[str, list[float]]
    predicting: dict[str, float]


@dataclass(frozen=True)
class Turns:
    """How long a contest is.

    Attributes:
        steps: Batches in a round.
        rounds: Rounds that count.
        further: Steps that rnnlab's model trains alone before it predicts.
        sentences: How many to predict for, where the task's prediction is timed; 0 for none.
    """

    steps: int
    rounds: int
    further: int = 0
    sentences: int = 0


def contest(problem: Problem, words: list[str], folder: Path, turns: Turns) -> Contest:
    """Train in turns.

    Args:
        problem: The model.
        words: Its overrides, with data.
        folder: A new one, for the run and its log.
        turns: How long.
    """

    def make(module: SequenceModule, data: SequenceData) -> dict[str, Loop]:
        spec, cfg = data.spec(), compose_words("train", words).cfg
        assert isinstance(spec.source, Vocab)
        made = rivals(
            problem,
            len(spec.source),
            spec.target_size,
            lr=cfg["optimizer"]["lr"],
            clip=cfg["trainer"]["gradient_clip_val"],
        )
        same = ("careful, batched",) if problem.task == "translation" else SAME
        for name in same:
            copy_weights(module, made[name].model)
        return made

    duel = Duel(make, steps=turns.steps, rounds=turns.rounds, further=turns.further)
    hold(words, duel, folder)
    if len(duel.tokens) < turns.rounds:  # Ctrl-C, which the run took for an order to save
        raise KeyboardInterrupt
    predicting = _predicting(duel, turns.sentences) if turns.sentences else {}
    return Contest(
        problem.name, " ".join(words), duel.parameters, duel.tokens, duel.seconds, predicting
    )


@torch.no_grad()
def copy_weights(source: nn.Module, target: nn.Module) -> None:
    """Let a model start as another one of the same parameters in the same order.

    Raises:
        ValueError: It has others: the models are not the same.
    """
    pairs = zip(source.parameters(), target.parameters(), strict=True)
    for mine, theirs in pairs:
        if mine.shape != theirs.shape:
            raise ValueError(f"{tuple(theirs.shape)} where {tuple(mine.shape)} is expected")
        theirs.copy_(mine)


@torch.inference_mode()
def _predicting(duel: Duel, sentences: int) -> dict[str, float]:
    """Validation sentences, from token ids to text: sentences a second, words of an answer."""
    module = duel.module.eval()
    if isinstance(module.task, Translate):
        module.task.num_beams = 1
    batches = []
    for batch in duel.data.val_dataloader():
        batches.append(batch)
        if sum(map(len, batches)) >= sentences:
            break
    count = sum(map(len, batches))
    rates = []
    words = 0
    for _ in range(3):
        before = time.perf_counter()
        answers = [module.task.predict(module(batch)) for batch in batches]
        rates.append(count / (time.perf_counter() - before))
        each = (answer for batch in answers for answer in batch)
        words = sum(len(a.split() if isinstance(a, str) else a) for a in each)
    return {"sentences_per_second": statistics.median(rates), "words": words / count}
