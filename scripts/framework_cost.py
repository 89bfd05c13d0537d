"""What the framework costs: steps of `rnnlab train` against plain loops of the same model.

    python scripts/framework_cost.py [--seconds 60] [--json FILE]

A run with default settings (TensorBoard, progress bar, diagnostics, checkpoints) is made as the
program makes it, but for its loader: after every fifty batches that stands still while two loops
written by hand train on the same batches, in the same process. One has copies of the run's own
encoder and task, so that the difference is what stands around them; the other has torch's modules
alone. The data sets IMDb and CoNLL-2003 are read below `RNNLAB_DATA`.
"""

import argparse
import contextlib
import json
import tempfile
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from lightning import seed_everything
from torch import Tensor, nn
from torch.nn import functional

from bench.timing import Timing, ratio
from rnnlab.config.compose import compose_words
from rnnlab.data.batch import IGNORE, Batch
from rnnlab.data.loader import BatchLoader
from rnnlab.data.spec import Spec
from rnnlab.data.vocab import Vocab
from rnnlab.runs.build import build_callbacks, build_data, build_model, build_module, build_vectors
from rnnlab.runs.hparams import declare_hparams
from rnnlab.runs.metrics_json import machine
from rnnlab.runs.prepare import limit_memory, make_trainer, quiet
from rnnlab.runs.tables import flat

CHUNK = 50
"""Steps in a turn: as many as between two writes of the logger."""


class PlainSentiment(nn.Module):
    """Embedding, LSTM, maximum over the real steps, linear head."""

    def __init__(self, words: int, labels: int, size: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, size, padding_idx=0)
        self.lstm = nn.LSTM(size, hidden, batch_first=True)
        self.head = nn.Linear(hidden, labels)

    def forward(self, batch: Batch) -> Tensor:
        """The loss."""
        outputs = self.lstm(self.embedding(batch.inputs))[0]
        padding = torch.arange(outputs.shape[1]) >= batch.lengths[:, None]
        pooled = outputs.masked_fill(padding[:, :, None], -torch.inf).amax(dim=1)
        return functional.cross_entropy(self.head(pooled), batch.target)


class PlainTagger(nn.Module):
    """Embedding, an LSTM in each direction, linear head at every step."""

    def __init__(self, words: int, tags: int, size: int, hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, size, padding_idx=0)
        self.ahead = nn.LSTM(size, hidden, batch_first=True)
        self.back = nn.LSTM(size, hidden, batch_first=True)
        self.head = nn.Linear(2 * hidden, tags)

    def forward(self, batch: Batch) -> Tensor:
        """The loss."""
        x = self.embedding(batch.inputs)
        step = torch.arange(x.shape[1])
        mirrored = batch.lengths[:, None] - 1 - step
        index = torch.where(mirrored >= 0, mirrored, step)[:, :, None]
        back = self.back(x.gather(1, index.expand_as(x)))[0]
        back = back.gather(1, index.expand_as(back))
        logits = self.head(torch.cat([self.ahead(x)[0], back], dim=2))
        return functional.cross_entropy(
            logits.flatten(0, 1), batch.target.flatten(), ignore_index=IGNORE
        )


@dataclass(frozen=True)
class Case:
    """What is trained: the words of the command line, and the same model by hand."""

    words: tuple[str, ...]
    plain: Callable[[int, int, int, int], nn.Module]
    target: float


CASES = {
    "sentiment, LSTM 128, batch 64, T 230": Case(
        ("task=sentiment", "cell=lstm", "cell.hidden_size=128", "data.max_vocab_size=20000"),
        PlainSentiment,
        1.05,
    ),
    "tagging, BiLSTM 2 x 100, batch 32, T 15": Case(
        ("task=ner", "cell=lstm", "cell.hidden_size=100", "encoder.bidirectional=true"),
        PlainTagger,
        1.10,
    ),
}


class _Enough(Exception):  # noqa: N818 - no error
    """The time is up."""


class Clock:
    """`time.perf_counter` that stands still while others have their turn."""

    def __init__(self) -> None:
        self.skipped = 0.0

    def __call__(self) -> float:
        """Seconds."""
        return time.perf_counter() - self.skipped


class Turns(BatchLoader):
    """A run's loader that lets others train on each fifty batches that the run has trained on."""

    others: dict[str, Callable[[Iterator[Batch]], None]]
    rounds: dict[str, list[float]]
    clock: Clock
    until: float

    def __iter__(self) -> Iterator[Batch]:
        """The batches, with pauses in between."""
        loaders = {name: self._alike() for name in self.others}
        batches = super().__iter__()
        while True:
            count = 0
            start = time.perf_counter()
            for batch in islice(batches, CHUNK):
                count += 1
                yield batch
            if count < CHUNK:
                return
            end = time.perf_counter()
            self.rounds["rnnlab train"].append(end - start)
            for name, train in self.others.items():
                before = time.perf_counter()
                train(loaders[name])
                self.rounds[name].append(time.perf_counter() - before)
            now = time.perf_counter()
            self.clock.skipped += now - end
            if now > self.until:
                raise _Enough

    def _alike(self) -> Iterator[Batch]:
        order = self.sampler
        loader = BatchLoader(self.examples, order.batch_size, shuffle=True, seed=order.seed)
        loader.sampler.set_epoch(order.epoch)
        return iter(loader)


def plain_loop(model: nn.Module, loss: Callable[[Batch], Tensor], lr: float) -> Callable[..., None]:
    """A training loop as one writes it by hand; trains on the next fifty batches."""
    optimizer = torch.optim.Adam(model.parameters(), lr=lr, fused=True)

    def train(batches: Iterator[Batch]) -> None:
        for batch in islice(batches, CHUNK):
            optimizer.zero_grad(set_to_none=True)
            loss(batch).backward()
            optimizer.step()

    return train


def measure(case: Case, seconds: float, folder: Path) -> dict[str, Timing]:
    """Seconds a step of the run and of the loops, a value for each fifty steps."""
    rounds: dict[str, list[float]] = {"rnnlab train": [], "loop, same modules": [], "torch": []}
    composed = compose_words("train", [*case.words, "trainer.accelerator=cpu"])
    cfg = composed.cfg
    seed_everything(cfg["seed"], verbose=False)
    vectors = build_vectors(cfg)
    data = build_data(cfg, vectors)
    spec = data.spec()
    model = build_model(cfg, spec, vectors)
    module = build_module(cfg, composed.choices, spec, model)
    trainer = make_trainer(cfg, folder, build_callbacks(cfg, folder, model.task))
    declare_hparams(trainer, flat(cfg), model.task)

    encoder, task = deepcopy(model.encoder), deepcopy(model.task)
    plain = case.plain(*_sizes(spec), cfg["embedding"]["size"], cfg["cell"]["hidden_size"])
    lr = cfg["optimizer"]["lr"]

    def same(batch: Batch) -> Tensor:
        return task.loss(encoder(batch.inputs, batch.lengths), batch)

    loader = Turns(data.examples("train"), data.batch_size, shuffle=True, seed=data.seed)
    loader.others = {
        "loop, same modules": plain_loop(nn.ModuleList([encoder, task]), same, lr),
        "torch": plain_loop(plain, plain, lr),
    }
    loader.rounds, loader.clock = rounds, Clock()
    for callback in trainer.callbacks:  # type: ignore[attr-defined]
        if hasattr(callback, "clock"):
            callback.clock = loader.clock
    data.train_dataloader = lambda: loader  # type: ignore[method-assign]
    loader.until = time.perf_counter() + seconds
    with contextlib.suppress(_Enough):
        trainer.fit(module, datamodule=data)
    # the first round is the warm-up
    return {name: Timing(tuple(v / CHUNK for v in values[1:])) for name, values in rounds.items()}


def _sizes(spec: Spec) -> tuple[int, int]:
    assert isinstance(spec.source, Vocab)
    assert isinstance(spec.target, Vocab)
    return len(spec.source), len(spec.target)


def row(name: str, case: Case, timings: dict[str, Timing]) -> dict[str, Any]:
    """What was measured, as plain values."""
    run = timings["rnnlab train"]
    return {
        "case": name,
        "words": list(case.words),
        "rounds": len(run.seconds),
        "milliseconds": {k: 1e3 * t.median for k, t in timings.items()},
        "spread": {k: t.spread for k, t in timings.items()},
        "slower": {k: ratio(t, run) for k, t in timings.items() if t is not run},
        "slower_in_total": {
            k: sum(run.seconds) / sum(t.seconds) for k, t in timings.items() if t is not run
        },
        "target": case.target,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = [
        "| steps of | `rnnlab train` ms | loop, same modules | loop, torch's modules |",
        "|---|---:|---:|---:|",
    ]
    for entry in rows:
        ms = entry["milliseconds"]
        cells = [f"{ms['rnnlab train']:.2f}"]
        for name, slower in entry["slower"].items():
            total = entry["slower_in_total"][name]
            cells.append(f"{ms[name]:.2f}; {slower:.3f} (total {total:.3f})")
        lines.append(f"| {entry['case']} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main() -> None:
    """Measure all cases."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=60.0, help="for each case")
    parser.add_argument("--only", default="", help="cases that have this in their name")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    given = parser.parse_args()
    quiet()
    limit_memory()
    rows = []
    for name, case in CASES.items():
        if given.only in name:
            with tempfile.TemporaryDirectory() as folder:
                timings = measure(case, given.seconds, Path(folder))
            rows.append(row(name, case, timings))
    print(table(rows))
    if given.json:
        given.json.write_text(json.dumps({"machine": machine(), "rows": rows}, indent=2) + "\n")


if __name__ == "__main__":
    main()
