"""A task: rnnlab against the baselines, in one process, on the same examples."""

import contextlib
import statistics
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from baselines.loop import Loop
from baselines.rivals import Sizes, rivals
from bench.duel import Duel
from bench.tasks import Problem
from rnnlab.config.compose import compose_words
from rnnlab.data.base import SequenceData
from rnnlab.data.loader import target_size
from rnnlab.data.vocab import Vocab
from rnnlab.layers.lstm import LSTM
from rnnlab.runs.train import run
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


def hold(problem: Problem, words: list[str], folder: Path, turns: Turns) -> Contest:
    """Train in turns.

    Args:
        problem: The model.
        words: Its overrides, with data.
        folder: A new one, for the run and its log.
        turns: How long.
    """
    composed = compose_words("train", [*words, "trainer=cpu", "trainer.max_epochs=1"])
    cfg = composed.cfg

    def make(module: SequenceModule, data: SequenceData) -> dict[str, Loop]:
        made = rivals(_sizes(problem, cfg, data, module))
        same = ("careful, batched",) if problem.task == "translation" else SAME
        for name in same:
            copy_weights(module, made[name].model)
        return made

    duel = Duel(make, steps=turns.steps, rounds=turns.rounds, further=turns.further)
    folder.mkdir(parents=True)
    with (
        (folder / "progress.log").open("w", encoding="utf-8") as log,
        contextlib.redirect_stdout(log),
        contextlib.redirect_stderr(log),
    ):
        run(cfg, composed.choices, folder, callbacks=[duel])
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


def _sizes(problem: Problem, cfg: dict[str, Any], data: SequenceData, module: Any) -> Sizes:
    spec = data.spec()
    assert isinstance(spec.source, Vocab)
    lstm = any(isinstance(part, LSTM) for part in module.encoder.modules())
    return Sizes(
        task=problem.task,
        layer=nn.LSTM if lstm else nn.GRU,
        source=len(spec.source),
        target=target_size(spec.target),
        embedding=cfg["embedding"]["size"],
        hidden=cfg["cell"]["hidden_size"],
        bidirectional=cfg["encoder"]["bidirectional"],
        batch_size=cfg["data"]["batch_size"],
        lr=cfg["optimizer"]["lr"],
        clip=cfg["trainer"]["gradient_clip_val"],
    )


@torch.inference_mode()
def _predicting(duel: Duel, sentences: int) -> dict[str, float]:
    """Validation sentences, from token ids to text: sentences a second, words of an answer."""
    module = duel.module.eval()
    if isinstance(module.task, Translate):
        module.task.beam = 1
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
