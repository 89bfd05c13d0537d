import json

import pytest
import torch
from torch import nn

from rnnlab.config.compose import compose_words
from rnnlab.layers.base import Layer
from rnnlab.layers.gru import GRU
from rnnlab.nn.bow import BagOfWords
from rnnlab.runs.build import build_data, build_model, build_vectors
from tiny import CORPORA, SMALL, call, refused, sentiment

D = 3
INPUTS = torch.tensor([[5, 2, 7, 1], [3, 0, 0, 0], [6, 6, 4, 0]])
LENGTHS = torch.tensor([4, 1, 3])


class Words(nn.Embedding):
    output_size = D


def make(**options):
    torch.manual_seed(0)
    return BagOfWords(Words(8, D), lambda size: GRU(size, hidden_size=4), **options)


@pytest.mark.parametrize("hidden_size", [None, 5])
def test_each_word_by_itself_and_their_mean(hidden_size):
    encoder = make(hidden_size=hidden_size)
    encoded = encoder(INPUTS, LENGTHS)
    assert encoder.output_size == encoded.outputs.shape[2] == (hidden_size or D)
    assert not any(isinstance(part, Layer) for part in encoder.modules())
    for row, length in enumerate(LENGTHS.tolist()):
        x = encoder.embedding(INPUTS[row, :length])
        if hidden_size:
            linear = encoder.layers[0].linear
            x = (x @ linear.weight.T + linear.bias).clamp(min=0)
        torch.testing.assert_close(encoded.outputs[row, :length], x)
        assert not encoded.outputs[row, length:].any()
        torch.testing.assert_close(encoded.final[row], x.mean(0))
    assert torch.equal(encoded.layers[0], encoded.final)


def test_the_order_of_words_is_not_known_to_it():
    encoder = make(hidden_size=5)
    one = encoder(torch.tensor([[1, 2, 3]]), torch.tensor([3]))
    two = encoder(torch.tensor([[3, 1, 2]]), torch.tensor([3]))
    torch.testing.assert_close(one.final, two.final)
    torch.testing.assert_close(one.outputs[:, 0], two.outputs[:, 1])


@pytest.mark.parametrize("name", ["input_dropout", "output_dropout", "word_dropout"])
def test_dropout_rests_in_evaluation(name):
    encoder = make(**{name: 0.5})
    torch.manual_seed(1)
    assert not torch.equal(encoder(INPUTS, LENGTHS).outputs, make()(INPUTS, LENGTHS).outputs)
    assert torch.equal(encoder.eval()(INPUTS, LENGTHS).final, make()(INPUTS, LENGTHS).final)


@pytest.mark.parametrize("hidden_size", ["null", 7])
@pytest.mark.parametrize("task", ["sentiment", "ner", "translation"])
def test_all_tasks_learn_on_it(task, hidden_size, tmp_path):
    words = [*CORPORA[task](tmp_path), *SMALL, "encoder=bow", f"encoder.hidden_size={hidden_size}"]
    cfg = compose_words("train", words).cfg
    vectors = build_vectors(cfg)
    data = build_data(cfg, vectors)
    torch.manual_seed(0)
    model = build_model(cfg, data.spec(), vectors)
    batch = next(iter(data.train_dataloader()))
    loss = model.task.loss(model.encoder(batch.inputs, batch.lengths), batch)
    loss.backward()
    for part in (model.encoder, model.task):
        for name, parameter in part.named_parameters():
            assert parameter.grad is not None, name
            assert parameter.grad.any(), name


def test_a_run_with_all_diagnostics(tmp_path, capsys):
    small = [word for word in SMALL if word.startswith(("embedding", "logger", "trainer.enable"))]
    chosen = ["encoder=bow", "diagnostics=full", "trainer.max_epochs=8", "optimizer.lr=0.05"]
    words = [*sentiment(tmp_path / "data"), *small, *chosen, f"hydra.run.dir={tmp_path / 'run'}"]
    said = call(capsys, *words)
    assert said.code == 0, said.err
    assert "encoder: no recurrent layer\nkernel   none\n" in said.out
    record = json.loads((tmp_path / "run/metrics.json").read_text())
    assert record["test"]["accuracy"] > 0.9  # one telling word each
    again = call(capsys, "evaluate", f"checkpoint={tmp_path / 'run'}")
    assert json.loads(again.out)["test"]["loss"] == pytest.approx(record["test"]["loss"])


def test_what_only_a_recurrent_encoder_has_is_refused(capsys):
    said = call(capsys, "check", "task=sentiment", "encoder=bow", "encoder.bidirectional=true")
    assert said.code == 2
    assert "encoder.bidirectional: BagOfWords has no such option" in said.err


def test_a_language_model_needs_memory(tmp_path, capsys):
    words = [*CORPORA["language_model"](tmp_path), *SMALL, "encoder=bow"]
    said = refused(call(capsys, "train", *words, f"hydra.run.dir={tmp_path / 'run'}"))
    assert said.startswith("encoder: BagOfWords carries nothing from one token to the next")
