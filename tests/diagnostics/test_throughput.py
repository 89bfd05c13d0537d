"""Tokens, padding and waiting: equal to what a loop over the same batches counts."""

import json

import pytest
from lightning import Callback
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rnnlab.config.compose import compose_words
from rnnlab.diagnostics.throughput import Throughput, Work
from rnnlab.runs import train
from rnnlab.runs.resume import resume_run
from rnnlab.runs.train import run
from runs import merged, small_run
from tiny import sentiment

WORDS = ["trainer.log_every_n_steps=4", "logger=tensorboard"]


class Spy(Callback):
    """Counts batches by hand; each takes four seconds, one of them waiting for the loader."""

    def __init__(self):
        self.batches = []
        self.now = 0.0

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        self.now += 4.0
        trainer.train_dataloader.seconds = len(self.batches) + 1.0

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx):
        self.batches.append((int(batch.lengths.sum()), batch.inputs.numel()))


@pytest.fixture
def watched(tmp_path, monkeypatch):
    """A run on ragged texts, and what was seen of it."""
    spy, real = Spy(), train.build_callbacks

    def callbacks(*given):
        made = real(*given)
        next(c for c in made if isinstance(c, Throughput)).clock = lambda: spy.now
        return [spy, *made]

    monkeypatch.setattr(train, "build_callbacks", callbacks)
    words = [*sentiment(tmp_path / "data"), *WORDS, "data.batch_size=4", "cell.hidden_size=6"]
    return tmp_path / "run", words, spy


def scalars(folder, tag):
    board = EventAccumulator(str(folder))
    board.Reload()
    return [(point.step, point.value) for point in board.Scalars(tag)]


def test_each_write_is_about_the_batches_since_the_last(watched):
    folder, words, spy = watched
    run_on(folder, words)
    written = scalars(folder, "time/padding")
    assert [step for step, _ in written][:3] == [1, 4, 8]
    start = 0
    for step, value in written:
        real, padded = map(sum, zip(*spy.batches[start:step], strict=True))
        assert value == pytest.approx(padded / real, rel=1e-6)
        start = step
    assert max(value for _, value in written) > 1.0
    for (_, share), (_, speed) in zip(
        scalars(folder, "time/data"), scalars(folder, "time/tokens"), strict=True
    ):
        assert share == pytest.approx(0.25)
        assert speed > 0


def test_the_record_holds_the_whole_run(watched):
    folder, words, spy = watched
    run_on(folder, words)
    record = json.loads((folder / "metrics.json").read_text())
    real, padded = map(sum, zip(*spy.batches, strict=True))
    assert record["train_padding"] == pytest.approx(padded / real)
    assert record["train_data_share"] == pytest.approx(0.25)
    assert record["train_tokens_per_second"] == pytest.approx(real / (4 * len(spy.batches)))
    assert record["peak_memory_mb"] > 50


def run_on(folder, words):
    given = [*words, "embedding.embedding_dim=6", "trainer.enable_progress_bar=false"]
    given += ["trainer.max_epochs=2", "trainer.accelerator=cpu"]
    composed = compose_words("train", merged(given))
    return run(composed.cfg, composed.choices, folder)


def test_a_resumed_run_goes_on_counting(tmp_path):
    first = small_run(tmp_path / "run", "trainer.max_epochs=1").record
    whole = resume_run(tmp_path / "run", ["trainer.max_epochs=2"], []).record
    assert whole["train_seconds"] > first["train_seconds"]
    assert 0 < whole["train_data_share"] < 1
    assert whole["train_padding"] == first["train_padding"] == 1.0  # all of one length


def test_nothing_done_is_no_division_by_zero():
    nothing = Work()
    assert (nothing.tokens_per_second, nothing.padding, nothing.data_share) == (0.0, 0.0, 0.0)
