"""Runs with blocks: instruments, analysis, resuming, starting from a trained one."""

import json

import pytest
import torch

from rnnlab.runs.resume import resume_run
from runs import scalars, small_run, weights
from tiny import SMALL, call, refused, sentiment, train

BLOCKS = ["encoder=blocks", "encoder.model_size=16", "encoder.num_layers=2"]
WATCHED = ["diagnostics=full", "logger=tensorboard", "trainer.log_every_n_steps=1"]
WATCHED += [f"diagnostics.{name}.every_n_steps=2" for name in ("weight_flow", "time_flow")]
WATCHED += [f"diagnostics.{name}.every_n_steps=4" for name in ("memory", "saturation")]


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """From a cell to a run that was watched."""

    def make(cell):
        words = ["data.lag=6", "trainer.max_epochs=8", "optimizer.lr=0.01", *WATCHED]
        return small_run(tmp_path_factory.mktemp(cell), *BLOCKS, f"cell={cell}", *words)

    return {cell: make(cell) for cell in ("gru", "attention")}


@pytest.mark.parametrize("cell", ["gru", "attention"])
def test_it_learns_and_every_instrument_sees_the_mixers(cell, learnt, capsys, tmp_path):
    outcome = learnt[cell]
    assert outcome.record["test"]["accuracy"] > 0.75
    tags = scalars(outcome.folder)
    kernel = "input/update" if cell == "gru" else "input/query"
    for layer in ("encoder.0", "encoder.1"):
        assert all(value > 0 for _, value in tags[f"grad/{layer}/{kernel}"])
        assert f"grad/{layer}.mixer_norm" in tags
        assert f"grad/{layer}.mlp.input" in tags
    assert not any("mixer." in tag for tag in tags)
    through_time = {tag.split("/")[1] for tag in tags if tag.startswith(("flow/", "memory/"))}
    gates = {tag.split("/")[1] for tag in tags if tag.startswith("gate/")}
    expected = {"encoder.0", "encoder.1"} if cell == "gru" else set()
    assert through_time == expected
    assert gates == expected
    out = tmp_path / "out"
    said = call(capsys, "analyze", f"checkpoint={outcome.folder}", f"output={out}")
    assert said.code == 0, said.err
    assert list(json.loads((out / "analysis.json").read_text())["layers"]) == [*sorted(expected)]


@pytest.mark.parametrize("cell", ["gru", "attention"])
def test_a_resumed_run_is_the_whole_one(cell, tmp_path):
    words = [*BLOCKS, f"cell={cell}", "encoder.dropout=0.1"]
    whole = small_run(tmp_path / "whole", *words)
    small_run(tmp_path / "half", *words, "trainer.max_epochs=1")
    resume_run(tmp_path / "half", ["trainer.max_epochs=2"], [])
    one, other = (
        weights(folder / "checkpoints/last.ckpt") for folder in (whole.folder, tmp_path / "half")
    )
    assert all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("cell", [["gru"], ["attention", "cell.window=4"]], ids=str)
def test_a_language_model_starts_a_classifier(cell, tmp_path, capsys):
    words = [*BLOCKS, f"cell={cell[0]}", *cell[1:]]
    source = train(tmp_path / "source", "language_model", *words, "data.level=word", "data.bptt=5")
    said = call(capsys, "predict", f"checkpoint={source.folder}", "prompt=the", "seed=1")
    assert said.code == 0, said.err
    given = [*sentiment(tmp_path / "data"), *SMALL, *words, f"hydra.run.dir={tmp_path / 'run'}"]
    init = [f"encoder.init_from={source.folder}", "optimizer.lr=0"]
    said = call(capsys, "train", *given, *init)
    assert said.code == 0, said.err
    assert "\nstart    2 layers, vectors of " in said.out
    old, new = weights(source.best), weights(tmp_path / "run/checkpoints/best.ckpt")
    taken = [n for n in new if n.startswith("encoder.") and not n.startswith("encoder.embedding")]
    assert {"encoder.input.weight", "encoder.norm.weight"} < set(taken)
    assert all(torch.equal(new[name], old[name]) for name in taken)
    given[-1] = f"hydra.run.dir={tmp_path / 'other'}"
    wider = [word for word in given if "num_layers" not in word]
    line = refused(call(capsys, "train", *wider, "encoder.num_layers=3", init[0]))
    assert line.endswith("does not fit: encoder.num_layers 2 there, 3 here")
    bare = [word for word in given if not word.startswith("encoder")]
    line = refused(call(capsys, "train", *bare, init[0]))
    assert line.endswith("does not fit: encoder BlockEncoder there, RecurrentEncoder here")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["cell.num_heads=3"], "cell.num_heads: 3 heads do not divide cell.hidden_size=8"),
        (["cell.num_heads=8"], "cell.positions: rotary needs an even number of features a head"),
        (["cell.kernel=scan"], "cell.kernel: "),
        (["encoder.weight_dropout=0.5"], "encoder.weight_dropout: this cell's `gates` name no"),
        (
            ["cell.positions=learned", "cell.max_positions=9", "data.max_length=10"],
            "cell.max_positions: 9 places are learned, but sequences have up to 10 steps",
        ),
    ],
)
def test_a_line_for_what_does_not_fit(words, message, capsys, tmp_path):
    given = [*sentiment(tmp_path), *SMALL, "cell=attention", *words]
    said = call(capsys, "check", *given)
    assert said.code == 2
    assert message in said.err
    assert said.err.count("\n") == 1


def test_a_text_beyond_the_learned_positions_is_a_line(capsys, tmp_path):
    given = [*sentiment(tmp_path), *SMALL, *BLOCKS, "cell=attention", "cell.positions=learned"]
    where = f"hydra.run.dir={tmp_path / 'run'}"
    said = call(capsys, "train", *given, "cell.max_positions=5", "data.max_length=null", where)
    assert said.code == 2
    last = said.err.strip().splitlines()[-1]
    assert "cell.max_positions: 5 places are learned, and a sequence has" in last
