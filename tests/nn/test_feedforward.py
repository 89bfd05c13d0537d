"""One to one: an MLP on pooled inputs; which tasks learn on it, and which refuse it."""

import json

import pytest
import torch
from torch import nn

from rnnlab.layers.gru import GRU
from rnnlab.nn.feedforward import FeedForwardEncoder
from tiny import CORPORA, SMALL, call, refused, sentiment, train

D = 3
INPUTS = torch.tensor([[5, 2, 7, 1], [3, 0, 0, 0], [6, 6, 4, 0]])
LENGTHS = torch.tensor([4, 1, 3])
ACTIVATION = {"relu": torch.relu, "gelu": nn.functional.gelu, "tanh": torch.tanh}


class Words(nn.Embedding):
    output_size = D


def make(**options):
    torch.manual_seed(0)
    return FeedForwardEncoder(Words(8, D), lambda size: GRU(size, hidden_size=4), **options)


@pytest.mark.parametrize(
    ("pooling", "hidden_layers", "activation"),
    [("mean", 0, "relu"), ("max", 1, "tanh"), ("mean", 2, "gelu"), ("max", 2, "relu")],
)
def test_pooled_then_layer_by_layer(pooling, hidden_layers, activation):
    encoder = make(
        pooling=pooling, hidden_layers=hidden_layers, hidden_size=5, activation=activation
    )
    encoder.embedding.weight.data -= 3  # a maximum that is not below that of padding
    encoded = encoder(INPUTS, LENGTHS)
    assert encoded.outputs.shape == (3, 1, encoder.output_size)
    assert encoder.output_size == (5 if hidden_layers else D)
    assert encoded.lengths.tolist() == [1, 1, 1]
    linears = [part for part in encoder.modules() if isinstance(part, nn.Linear)]
    assert len(linears) == hidden_layers
    for row, length in enumerate(LENGTHS.tolist()):
        words = encoder.embedding(INPUTS[row, :length])
        x = words.mean(0) if pooling == "mean" else words.max(0).values
        for linear in linears:
            x = ACTIVATION[activation](linear.weight @ x + linear.bias)
        for given in (encoded.outputs[row, 0], encoded.final[row], encoded.layers[0][row]):
            torch.testing.assert_close(given, x)
    whole = encoder(INPUTS, None).final
    torch.testing.assert_close(whole, encoder(INPUTS, torch.tensor([4, 4, 4])).final)


def test_dropout_rests_in_evaluation():
    encoder = make(dropout=0.5, hidden_layers=2)
    assert not torch.equal(
        encoder(INPUTS, LENGTHS).final, make(hidden_layers=2)(INPUTS, LENGTHS).final
    )
    encoder.eval()
    assert torch.equal(encoder(INPUTS, LENGTHS).final, encoder(INPUTS, LENGTHS).final)


def test_a_run_with_all_diagnostics(tmp_path, capsys):
    small = [word for word in SMALL if word.startswith(("embedding", "logger", "trainer.enable"))]
    words = ["encoder=feedforward", "diagnostics=full", "trainer.max_epochs=8", "optimizer.lr=0.02"]
    words = [*sentiment(tmp_path / "data"), *small, *words, f"hydra.run.dir={tmp_path / 'run'}"]
    said = call(capsys, *words)
    assert said.code == 0, said.err
    assert json.loads((tmp_path / "run/metrics.json").read_text())["test"]["accuracy"] > 0.9
    (tmp_path / "new").write_text("a great film\nan awful plot\n")
    again = call(capsys, "predict", f"checkpoint={tmp_path / 'run'}", f"input={tmp_path / 'new'}")
    assert [line.split("\t")[0] for line in again.out.splitlines()] == ["pos", "neg"]


def test_a_decoder_starts_from_it(tmp_path):
    """One to many: a text for a label."""
    run = train(tmp_path, "generate", "encoder=feedforward", "encoder.hidden_size=4")
    record = json.loads((run.folder / "metrics.json").read_text())
    assert record["test"]["perplexity"] < 5  # of four words and an end


@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ("ner", "gives no output for each step, which this task needs; choose recurrent"),
        ("translation", "gives no output for each step, which this task needs; choose recurrent"),
        ("language_model", "carries nothing from one token to the next"),
    ],
)
def test_tasks_that_need_the_steps_refuse_it(task, reason, tmp_path, capsys):
    words = [*CORPORA[task](tmp_path), *SMALL, "encoder=feedforward"]
    for command in ("check", "train"):
        more = [f"hydra.run.dir={tmp_path / 'run'}"] if command == "train" else []
        said = refused(call(capsys, command, *words, *more))
        assert said.startswith(f"encoder: FeedForwardEncoder {reason}")
