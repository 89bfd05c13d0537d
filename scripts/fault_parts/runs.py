"""Small runs of several kinds, and whether two of them are the same."""

import json
import random
import shutil
import time
from pathlib import Path
from typing import Any

import torch

from fault_parts.program import Fault, Program, rnnlab

QUICK = (
    *("trainer.accelerator=cpu", "trainer.enable_progress_bar=false", "logger=none"),
    *("diagnostics=off", "embedding.embedding_dim=6", "trainer.max_epochs=6"),
    *("checkpoint.every_n_steps=1", "checkpoint.max_overhead=1"),  # it writes most of the time
)
RECALL = (
    *("task=delayed_recall", "data.lag=4", "data.train_size=320", "data.val_size=64"),
    *("data.test_size=64", "data.batch_size=32", "cell.hidden_size=12", "optimizer.lr=0.03"),
)
TAGS = ("task=ner", "data=conll_files", "data.batch_size=4", "task.output=crf")
TEXT = ("task=language_model", "data=text_files", "data.batch_size=4", "data.bptt=10")

CASES: dict[str, tuple[str, ...]] = {
    "memory": (*RECALL, "encoder.num_layers=2", "encoder.dropout=0.3"),
    "accumulation": (*RECALL, "cell=gru", "trainer.accumulate_grad_batches=3"),
    "plateau": (*RECALL, "scheduler=plateau", "scheduler.patience=0", "optimizer.lr=0.3"),
    "tags": (*TAGS, "cell.hidden_size=8", "encoder.dropout=0.3", "early_stopping.patience=9"),
    "text": (*TEXT, "cell.hidden_size=8", "encoder.dropout=0.2"),  # the state is carried on
    "averaging": (*TEXT, "cell.hidden_size=8", "averaging.patience=0", "optimizer.lr=0.3"),
}
"""A run of a second or two each."""

FILES = {"conll_files": "conll", "text_files": "txt"}

PARTS = ("state_dict", "optimizer_states", "lr_schedulers", "global_step", "epoch", "random_states")
"""Of a checkpoint: what a run is when it goes on."""

SAME = ("status", "score", "monitor", "val", "test", "steps", "epochs", "best_epoch")
"""Of `metrics.json`: what does not depend on the clock."""


def words_of(case: str, folder: Path) -> list[str]:
    """The command line of a case; its data are in `folder / "data"`, written if they are not."""
    words = ["train", *CASES[case]]
    for name, ending in FILES.items():
        if f"data={name}" in words:
            data = folder / "data"
            if not data.exists():
                write_data(data)
            words += [f"data.{s}={data / s}.{ending}" for s in ("train", "val", "test")]
    given = {word.partition("=")[0] for word in words}
    return [*words, *(word for word in QUICK if word.partition("=")[0] not in given)]


def write_data(folder: Path) -> None:
    """Sentences with names of people and places, and lines of a rhyme in any order."""
    folder.mkdir(parents=True)
    rng = random.Random(0)
    names = ["Ann B-PER", "Bob B-PER\nSmith I-PER", "Rome B-LOC", "Oslo B-LOC", "saw O", "in O"]
    rhyme = ["one, two,", "buckle my shoe;", "three, four,", "knock at the door;"]
    for split, size in {"train": 48, "val": 12, "test": 14}.items():
        rows = ["\n".join(rng.choices(names, k=rng.randint(1, 5))) for _ in range(size)]
        (folder / f"{split}.conll").write_text("\n\n".join(rows) + "\n")
        (folder / f"{split}.txt").write_text("\n".join(rng.choices(rhyme, k=size)) + "\n")


def reference(case: str, folder: Path) -> tuple[Path, float]:
    """The run of a case that nothing happens to, trained once; and the seconds that it took."""
    run, note = folder / f"whole_{case}", folder / f"whole_{case}.txt"
    if not note.exists():
        shutil.rmtree(run, ignore_errors=True)
        Program([], folder, does=print).code()  # the server of processes is there then
        began = time.monotonic()
        rnnlab(*words_of(case, folder), f"hydra.run.dir={run}", folder=folder)
        note.write_text(str(time.monotonic() - began))
    return run, float(note.read_text())


def record(run: Path) -> dict[str, Any]:
    """What `metrics.json` holds; nothing where it is not there."""
    file = run / "metrics.json"
    found: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return found


def compare(run: Path, whole: Path) -> None:
    """See that two runs are the same.

    Raises:
        Fault: They are not.
    """
    one, two = record(run), record(whole)
    for key in SAME:
        if one.get(key) != two.get(key):
            raise Fault(f"{run}: {key} {one.get(key)}, undisturbed {two.get(key)}")
    for name in ("last", "best"):
        a, b = (torch.load(f / f"checkpoints/{name}.ckpt", weights_only=True) for f in (run, whole))
        for part in PARTS:
            if not same(a.get(part), b.get(part)):
                raise Fault(f"{run}: {part} of {name}.ckpt is not that of the undisturbed run")


def same(one: Any, two: Any) -> bool:
    """Whether plain values and tensors are equal, bit for bit."""
    if isinstance(one, torch.Tensor) and isinstance(two, torch.Tensor):
        return one.dtype == two.dtype and torch.equal(one, two)
    if isinstance(one, dict) and isinstance(two, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list | tuple) and isinstance(two, list | tuple):
        return len(one) == len(two) and all(map(same, one, two))
    return bool(type(one) is type(two) and one == two)
