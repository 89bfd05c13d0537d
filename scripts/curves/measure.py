"""Trains for some batches, and says after which of them what was reached."""

import contextlib
import itertools
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from lightning import Callback, LightningModule, Trainer

from curves.plain import Plain, Scores
from rnnlab.config.compose import compose_words
from rnnlab.config.trust import make
from rnnlab.data.base import SequenceData
from rnnlab.data.batch import Batch
from rnnlab.data.loader import Loader
from rnnlab.data.spec import Split
from rnnlab.errors import Interrupted
from rnnlab.nn.metrics import UnitMean
from rnnlab.runs.train import run
from rnnlab.training.module import SequenceModule


@dataclass(frozen=True)
class Point:
    """What was reached after some batches; evaluations are not in the seconds."""

    batches: int
    seconds: float
    scores: Scores


class Stopwatch:
    """Evaluates after the wanted numbers of batches, with the clock stopped."""

    def __init__(self, wanted: Sequence[int]) -> None:
        self.wanted = wanted
        self.points: list[Point] = []
        self._spent = 0.0
        self._since = time.perf_counter()

    def after(self, batches: int, model: Any, evaluate: Any) -> bool:
        """Whether that was the last."""
        if batches in self.wanted:
            self._spent += time.perf_counter() - self._since
            model.eval()
            with torch.no_grad():
                self.points.append(Point(batches, self._spent, evaluate()))
            model.train()
            self._since = time.perf_counter()
        return batches >= max(self.wanted)


def evaluation(data: SequenceData, split: Split, limit: int) -> tuple[list[Batch], Any]:
    """The first batches of a split, and their reference texts."""
    loader = data.val_dataloader() if split == "val" else data.test_dataloader()
    return list(itertools.islice(loader, limit)), loader.reference_texts()


class Curve(Callback):
    """Measures a run of rnnlab, and ends it after the last batch that is wanted."""

    def __init__(self, wanted: Sequence[int], split: Split, limit: int) -> None:
        self.wanted, self.split, self.limit = wanted, split, limit

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Read what is evaluated, and start the clock."""
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        self.batches, self.texts = evaluation(data, self.split, self.limit)
        self.watch = Stopwatch(self.wanted)

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Evaluate where that is wanted."""
        if self.watch.after(trainer.global_step, pl_module, lambda: self._evaluate(pl_module)):
            raise Interrupted

    def _evaluate(self, module: Any) -> Scores:
        assert isinstance(module, SequenceModule)
        task, mean = module.task, UnitMean()
        task.start("val", self.texts)  # translations are searched greedily
        for batch in self.batches:
            encoded = module(batch)
            mean.update(task.loss(encoded, batch), task.units(batch))
            task.update(encoded, batch)
        return {"loss": float(mean.compute()), **task.compute()}


def of_rnnlab(words: Sequence[str], curve: Curve) -> list[Point]:
    """Train as `rnnlab train` with these words does."""
    quiet = ["trainer=cpu", "trainer.max_epochs=1000", "trainer.enable_progress_bar=false"]
    composed = compose_words("train", [*words, *quiet])
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(None):
        run(composed.cfg, composed.choices, Path(folder) / "run", callbacks=[curve])
    return curve.watch.points


def of_plain(
    words: Sequence[str], make_model: Plain, wanted: Sequence[int], split: Split, limit: int
) -> list[Point]:
    """Train a plain model on the batches that rnnlab would make with these words."""
    cfg = compose_words("train", words).cfg
    torch.manual_seed(cfg["seed"])
    data: SequenceData = make(cfg["data"], [])
    model = make_model(data.spec())
    batches, texts = evaluation(data, split, limit)

    def evaluate() -> Scores:
        mean = UnitMean()
        for batch in batches:
            units = batch.target_tokens
            mean.update(model.loss(batch), len(batch) if units is None else units)
        return {"loss": float(mean.compute()), **model.score(batches, texts)}

    watch = Stopwatch(wanted)
    for count, batch in enumerate(_endless(data.train_dataloader()), 1):
        model.optimizer.zero_grad()
        model.loss(batch).backward()
        if model.clip:
            torch.nn.utils.clip_grad_norm_(model.parameters(), model.clip)
        model.optimizer.step()
        if watch.after(count, model, evaluate):
            break
    return watch.points


def _endless(loader: Loader) -> Iterator[Batch]:
    for epoch in itertools.count():
        loader.set_epoch(epoch)
        yield from loader
