"""Alarms of real runs: told where something is wrong, and none in runs that learn."""

import json

import pytest
import torch
from lightning import Callback
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from rnnlab.config.compose import compose_words
from rnnlab.config.validate import validate
from rnnlab.runs import train
from runs import small_run
from tiny import call

LONGER = [
    "diagnostics=full",
    "diagnostics.time_flow.every_n_steps=10",
    "diagnostics.saturation.every_n_steps=10",
    "diagnostics.projector=null",
    "diagnostics.alarms.patience=100",
    "trainer.log_every_n_steps=10",
    "trainer.max_epochs=1",
    "logger=tensorboard",
]


def kinds(record):
    return {sentence.partition(" ")[0] for sentence in record["alarms"]}


def test_vanishing_is_told_once_in_all_places(tmp_path, capsys):
    """A plain RNN with torch's own weights cannot know of a token 40 steps ago."""
    words = ["cell=rnn", "cell.init=torch", "data.lag=40", "data.train_size=6400"]
    outcome = small_run(tmp_path / "run", *LONGER, *words)
    record = json.loads((tmp_path / "run/metrics.json").read_text())
    assert kinds(record) == {"vanishing"}
    (sentence,) = record["alarms"]
    assert sentence.startswith("vanishing at step 1")
    assert "encoder.0: its gradient halves every" in sentence
    assert "in sequences of 41 steps" in sentence
    assert "cell=lstm" in sentence
    said = capsys.readouterr().out
    assert " ".join(said.split()).count(f"alarm {sentence}") == 1
    told = said[said.index("alarm  ") :].splitlines()
    assert max(map(len, told[: 1 + [line[:1] for line in told].index(" ")])) <= 80
    events = EventAccumulator(str(tmp_path / "run"))
    events.Reload()
    (text,) = events.Tensors("alarm/vanishing/text_summary")
    assert text.tensor_proto.string_val[0].decode() == sentence
    assert outcome.record["alarms"] == record["alarms"]


@pytest.mark.parametrize(
    ("cell", "gate", "kind"), [("lstm", "input", "saturated"), ("gru", "update", "saturated")]
)
def test_a_gate_that_lets_nothing_in_is_told(cell, gate, kind, tmp_path, monkeypatch):
    """LSTM with its input gate shut, GRU with its update gate shut towards what is new."""

    class Shut(Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            layer = pl_module.encoder.layers[0]
            with torch.no_grad():
                layer.bias_ih_l0[layer.rows(gate)] = -20.0 if cell == "lstm" else 20.0

    real = train.build_callbacks
    monkeypatch.setattr(train, "build_callbacks", lambda *given: [Shut(), *real(*given)])
    words = [f"cell={cell}", "data.train_size=6400", "logger=none", "optimizer.lr=0.0001"]
    record = small_run(tmp_path / "run", *LONGER, *words).record
    told = [sentence for sentence in record["alarms"] if sentence.startswith(kind)]
    assert len(told) == 1
    assert "encoder.0" in told[0]
    end = "below 0.05" if cell == "lstm" else "above 0.95"
    assert f"100% of its {gate} gate is {end}" in told[0]


def test_dead_relu_and_steps_that_are_all_clipped_are_told(tmp_path, monkeypatch):
    class Kill(Callback):
        def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
            with torch.no_grad():
                pl_module.encoder.layers[0].bias_ih_l0.fill_(-100.0)

    real = train.build_callbacks
    monkeypatch.setattr(train, "build_callbacks", lambda *given: [Kill(), *real(*given)])
    words = ["cell=rnn", "cell.nonlinearity=relu", "data.train_size=6400", "logger=none"]
    record = small_run(tmp_path / "run", *LONGER, *words, "trainer.gradient_clip_val=1e-5").record
    assert kinds(record) == {"dead", "clipped"}
    dead = next(s for s in record["alarms"] if s.startswith("dead") and "encoder.0:" in s)
    assert "recurrent/hidden" in dead


@pytest.mark.parametrize(
    "words",
    [
        ("cell=rnn",),
        ("cell=lstm", "data.lag=8", "cell.forget_bias=3.0"),
        ("cell=gru", "data.lag=8", "cell.update_bias=2.0"),
        ("cell=lstm", "encoder.bidirectional=true", "data.train_size=4800"),
    ],
    ids=" ".join,
)
def test_silent_in_runs_that_learn(words, tmp_path, capsys):
    """With all instruments, and even with a patience of 100 steps."""
    given = [*LONGER, "optimizer.lr=0.01", "logger=none", "data.train_size=9600", *words]
    outcome = small_run(tmp_path / "run", *given)
    assert outcome.record["test"]["accuracy"] > 0.9
    assert outcome.record["alarms"] == []
    assert "alarm" not in capsys.readouterr().out


def test_late_learner_is_taken_back(tmp_path, capsys):
    """It stands at the level of guesses for longer than patience, and learns then."""
    words = ["cell=gru", "data.lag=8", "optimizer.lr=0.003", "data.train_size=19200"]
    outcome = small_run(
        tmp_path / "run",
        *LONGER,
        *words,
        "logger=none",
        "diagnostics.alarms.patience=30",
        "diagnostics.alarms.vanishing=0.99",
        "trainer.max_epochs=1",
    )
    said = capsys.readouterr().out
    assert outcome.record["test"]["accuracy"] > 0.9
    assert "alarm    vanishing" in said
    assert "it learns: vanishing" in said
    assert outcome.record["alarms"] == []


def test_off_has_nobody_who_watches(tmp_path):
    assert "alarms" not in small_run(tmp_path / "run", "diagnostics=off").record


@pytest.mark.parametrize("word", ["diagnostics.xyz=3", "diagnostics.xyz.every_n_steps=3"])
def test_unknown_instrument_is_one_line(word, capsys):
    said = call(capsys, "check", "task=parity", word)
    assert said.code == 2
    assert said.err.startswith("rnnlab: diagnostics.xyz: no such option; there are: ")
    assert "alarms" in said.err
    assert said.err.count("\n") == 1


@pytest.mark.parametrize("name", ["weight_flow", "time_flow", "saturation", "alarms", "attention"])
def test_each_instrument_can_be_left_out(name):
    cfg = compose_words(
        "train", ["task=parity", "diagnostics=full", f"diagnostics.{name}=null"]
    ).cfg
    validate(cfg, {})
    assert cfg["diagnostics"][name] is None
