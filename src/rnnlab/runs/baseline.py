"""A bag of words beside a recurrent run: the baseline that its figures are compared with."""

import time
from typing import Any

import torch
from torch import nn

from rnnlab.data.base import SequenceData
from rnnlab.data.vocab import Vocab
from rnnlab.errors import tell
from rnnlab.layers.base import Layer
from rnnlab.runs.build import Config, build_model
from rnnlab.runs.finish import Outcome
from rnnlab.runs.metrics_json import write_json
from rnnlab.tasks.base import Task

EPOCHS, SHARE, SECONDS = 3, 0.1, 60.0
"""It ends after so many epochs, this share of the run's training time, or so many seconds."""
RATE, WORD_DROPOUT = 0.003, 0.3
"""As in `experiment=sentiment_bow`."""
PLAIN = {"pooling": "mean", "output": "softmax", "constrained": False}
"""Options of a task that let one step depend on others."""
LIMITS = ("limit_train_batches", "limit_test_batches")


def add_baseline(
    cfg: Config, module: nn.Module, data: SequenceData, vectors: Any, outcome: Outcome
) -> None:
    """Train and test `encoder=bow` on the same data, print the result, add it to the record.

    With the same embedding and task, and Adam. A label or a number comes from the mean of the
    words, a tag from its own word. Only for labels, tags and the numbers of texts, and not where
    the run has no recurrent layer or was not completed. Where the run left out data, a line says
    that there is no baseline.

    Args:
        cfg: The run's configuration.
        module: Its model.
        data: Its data.
        vectors: Its word vectors.
        outcome: How it ended; `metrics.json` in its folder is rewritten.
    """
    recurrent = any(isinstance(part, Layer) for part in module.modules())
    spec = data.spec()
    words = spec.kind in ("label", "tags") or (
        spec.kind == "values" and isinstance(spec.source, Vocab)
    )
    wanted = cfg.get("baseline") and recurrent and words
    if not wanted or outcome.status != "completed":
        return
    limits = [key for key in LIMITS if _limits(cfg["trainer"].get(key))]
    if limits:
        print(f"baseline no bag of words: trainer.{limits[0]} leaves out data", flush=True)
        return
    found = _bag(cfg, data, vectors, min(SECONDS, SHARE * outcome.record["train_seconds"]))
    outcome.record["baseline"] = found
    write_json(outcome.folder / "metrics.json", outcome.record)
    figures = " ".join(f"test.{name} {value:.4f}" for name, value in found["test"].items())
    tell(
        "baseline",
        f"{figures} | a bag of words, without any memory (encoder=bow), "
        f"{found['steps']:,} steps in {found['seconds']:.0f} s",
    )


def _limits(value: int | float | None) -> bool:
    """Whether a trainer's limit leaves data out; 1.0 is all of it, 1 one batch."""
    return value is not None and not (isinstance(value, float) and value == 1.0)


def _bag(cfg: Config, data: SequenceData, vectors: Any, seconds: float) -> dict[str, Any]:
    task = cfg["task"] | {key: value for key, value in PLAIN.items() if key in cfg["task"]}
    encoder = {"_target_": "rnnlab.nn.bow.BagOfWords", "word_dropout": WORD_DROPOUT}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(cfg["seed"])
        model = build_model(cfg | {"encoder": encoder, "task": task}, data.spec(), vectors)
        model.task.set_rival(torch.from_numpy(data.target_prior()))
        started = time.perf_counter()
        steps = _train(model.encoder, model.task, data, until=started + seconds)
        spent = time.perf_counter() - started
    return {"steps": steps, "seconds": spent, "test": _test(model.encoder, model.task, data)}


def _train(encoder: nn.Module, task: Task, data: SequenceData, *, until: float) -> int:
    """Steps taken; at least one."""
    parameters = [p for p in [*encoder.parameters(), *task.parameters()] if p.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=RATE, fused=True)
    loader, steps = data.train_dataloader(), 0
    for epoch in range(EPOCHS):
        loader.sampler.set_epoch(epoch)
        for batch in loader:
            optimizer.zero_grad()
            loss = task.loss(encoder(batch.inputs, batch.lengths, batch.words), batch)
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            steps += 1
            if time.perf_counter() > until:
                return steps
    return steps


@torch.no_grad()
def _test(encoder: nn.Module, task: Task, data: SequenceData) -> dict[str, float]:
    encoder.eval()
    task.eval()
    for batch in data.test_dataloader():
        task.update(encoder(batch.inputs, batch.lengths, batch.words), batch)
    return task.compute()
