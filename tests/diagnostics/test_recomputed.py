"""Every scalar of a run's event file against slow loops in float64 over what the run met."""

from itertools import permutations

import pytest

import recompute_scalars as scripts
from pairs import pairs
from recompute.check import EXACT, HALF, differences, dumped_run, expected, logged
from recompute_scalars import rows
from runs import merged
from tiny import CORPORA, python

OFTEN = ["weight_flow", "time_flow", "input_flow", "memory", "saturation"]
EVERYTHING = [*OFTEN, "alarms", "samples", "attention"]
SMALL = [
    "logger=tensorboard",
    "diagnostics=full",
    "diagnostics.projector=null",
    "trainer.accelerator=cpu",
    "trainer.enable_progress_bar=false",
    "trainer.gradient_clip_val=0.3",
    "trainer.log_every_n_steps=3",
    "cell.hidden_size=4",
    "embedding.embedding_dim=3",
    "data.batch_size=8",
    "checkpoint.every_n_steps=3",
    *(f"diagnostics.{name}.every_n_steps=2" for name in OFTEN),
]


def check(folder, cfg, true, tolerance=EXACT):
    compared, wrong = differences(logged(folder), true, tolerance)
    assert not wrong, "\n".join(wrong[:20])
    return compared


@pytest.fixture(scope="module")
def ordered(tmp_path_factory):
    """The overrides of a small net, one run of it, and all of its scalars."""
    folder = tmp_path_factory.mktemp("ordered")
    words = [*CORPORA["sentiment"](folder / "data"), *SMALL, "trainer.max_epochs=1"]
    words += ["cell=lstm", "cell.kernel=bptt", "task.pooling=attention"]
    cfg = dumped_run(folder / "all", words, EVERYTHING)
    return words, folder / "all", cfg, expected(folder / "all", cfg)


def test_all_instruments_at_the_same_steps(ordered):
    _, folder, cfg, true = ordered
    assert check(folder, cfg, true) > 200
    kinds = {tag.partition("/")[0] for tag in true}
    assert kinds >= {"train", "grad", "update", "flow", "input_flow", "memory", "gate"}
    assert kinds >= {"time", "val", "test"}


def measured_by(tag):
    """The instrument that logs a scalar; None where the board or the validation does."""
    kinds = {"flow": "time_flow", "memory": "memory", "gate": "saturation", "update": "weight_flow"}
    kinds |= {"attention": "attention", "grad": "weight_flow", "input_flow": "input_flow"}
    return None if tag in ("grad/total", "grad/clipped") else kinds.get(tag.partition("/")[0])


ORDERS = [*permutations([*OFTEN, "samples"], 2), tuple(EVERYTHING[::-1])]


@pytest.mark.parametrize("order", ORDERS, ids="-".join)
def test_in_any_order(order, ordered, tmp_path):
    """The training is the same whatever is measured: so is what each instrument has to say."""
    words, _, _, true = ordered
    dumped_run(tmp_path / "run", words, order)
    some = {tag: steps for tag, steps in true.items() if measured_by(tag) in (None, *order)}
    compared, wrong = differences(logged(tmp_path / "run"), some)
    assert not wrong, "\n".join(wrong[:20])
    assert compared > 20


TASKS = {
    "ner": ["encoder.bidirectional=true", "trainer.gradient_clip_algorithm=value"],
    "translation": ["cell=gru", "task.tie_word_embeddings=true", "task.input_feeding=true"],
    "language_model": [
        *("data.batch_size=4", "data.bptt=9", "trainer.accumulate_grad_batches=2"),
        "task.scale_rate=true",
    ],
    "generate": ["cell=rnn"],
    "sentiment": ["encoder=bow", "optimizer=sgd"],
}


@pytest.mark.parametrize("task", TASKS)
def test_of_any_task(task, tmp_path):
    """Decoders and states that go on from batch to batch too; but for each task's own scores."""
    words = [*CORPORA[task](tmp_path / "data"), *SMALL, "trainer.max_epochs=1", *TASKS[task]]
    words = merged([word.replace("task.embedding_dim=6", "task.embedding_dim=3") for word in words])
    cfg = dumped_run(tmp_path / "run", words)
    found, true = logged(tmp_path / "run"), expected(tmp_path / "run", cfg)
    scores = [t for t in found if t.startswith(("val/", "test/")) and not t.endswith("/loss")]
    for tag in {*scores, "attention/entropy"}:
        found.pop(tag, None)
        true.pop(tag, None)
    compared, wrong = differences(found, true)
    assert not wrong, "\n".join(wrong[:20])
    assert compared > 50


MODES = pairs(
    ["lstm fused", "gru bptt", "gru fused", "rnn scan"],
    ["one way", "both ways", "two layers"],
    [1, 2],
    ["validation at the end", "validation in between"],
    ["float32", "bf16"],
    ["straight through", "resumed"],
)


@pytest.mark.parametrize(("cell", "layers", "batches", "validation", "precision", "end"), MODES)
def test_in_any_mode(cell, layers, batches, validation, precision, end, tmp_path):
    cell, kernel = cell.split()
    words = [*CORPORA["sentiment"](tmp_path / "data"), *SMALL, "trainer.max_epochs=2"]
    words += [f"cell={cell}", f"cell.kernel={kernel}", "scheduler=cosine", "task.pooling=mean"]
    words += {
        "one way": [],
        "both ways": ["encoder.bidirectional=true"],
        "two layers": ["encoder.num_layers=2"],
    }[layers]
    words += [f"trainer.accumulate_grad_batches={batches}"]
    words += ["trainer.val_check_interval=0.5"] if validation.endswith("between") else []
    words += ["trainer.precision=bf16-mixed"] if precision == "bf16" else []
    cfg = dumped_run(tmp_path / "run", words, stop_at=5 if end == "resumed" else None)
    true = expected(tmp_path / "run", cfg)
    check(tmp_path / "run", cfg, true, HALF if precision == "bf16" else EXACT)


TWO = [number for number, row in enumerate(rows(0)) if row["processes"] == "2"]


@pytest.mark.ddp
@pytest.mark.slow
@pytest.mark.parametrize("number", TWO[:2])
def test_with_two_processes(number, tmp_path):
    said = python(scripts.__file__, "--only", number, "--keep", tmp_path, cwd=tmp_path)
    assert said.code == 0, said.out + said.err
    assert "0 wrong" in said.out
