"""A language model from files to answers."""

import json
import math

import pytest
import torch

from rnnlab import train as training
from rnnlab.composing import compose_words
from rnnlab.train import resume_run, run
from runs import weights
from test_resume import StopAt
from tiny import SMALL, text


def small_run(folder, data, *words):
    given = [*text(data), *SMALL, "trainer.accelerator=cpu", "data.vary_bptt=true", *words]
    composed = compose_words("train", list(dict.fromkeys(given)))
    return run(composed.cfg, composed.choices, folder)


@pytest.mark.parametrize("cell", ["rnn", "lstm", "gru"])
def test_stopped_and_resumed_in_the_middle_of_an_epoch(tmp_path, monkeypatch, cell):
    """The carried state is part of the checkpoint: equal bit for bit."""
    words = [f"cell={cell}", "encoder.num_layers=2", "encoder.dropout=0.2", "optimizer.lr=0.02"]
    words += ["trainer.accumulate_grad_batches=2", "checkpoint.every_n_steps=1", "data.bptt=9"]
    words += ["trainer.val_check_interval=5", "task.tied=true"]
    words = [word for word in words if word != "data.bptt=9"]
    whole = small_run(tmp_path / "whole", tmp_path, *words)
    real = training.build_callbacks
    with monkeypatch.context() as patch:
        patch.setattr(training, "build_callbacks", lambda *a: [*real(*a), StopAt(4, 0)])
        stopped = small_run(tmp_path / "stopped", tmp_path, *words)
    assert stopped.status == "interrupted"
    kept = torch.load(tmp_path / "stopped/checkpoints/last.ckpt", weights_only=True)
    ((first, second),) = kept["carried_states"]["processes"]
    assert first[0].shape == second[0].shape == (4, 8)
    assert first[0].any()
    resumed = resume_run(tmp_path / "stopped", [], [])
    one = weights(tmp_path / "whole/checkpoints/last.ckpt")
    two = weights(tmp_path / "stopped/checkpoints/last.ckpt")
    assert all(torch.equal(value, two[name]) for name, value in one.items())
    assert resumed.record["test"] == whole.record["test"]


def test_the_record_has_perplexity_and_bits(tiny_run):
    record = json.loads((tiny_run("language_model").folder / "metrics.json").read_text())
    assert record["monitor"] == "val/bpc"
    assert record["score"] == -record["val"]["bpc"]
    for split in ("val", "test"):
        figures = record[split]
        assert figures["perplexity"] == pytest.approx(math.exp(figures["loss"]), rel=1e-5)
        assert figures["bpc"] == pytest.approx(figures["loss"] / math.log(2), rel=1e-5)
