from functools import partial

import pytest
import torch
from torch import nn

from pairs import pairs
from rnnlab.errors import ConfigError
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN
from rnnlab.nn.embedding import Features, TokenEmbedding
from rnnlab.nn.recurrent import RecurrentEncoder

D, H = 3, 4
INPUTS = torch.tensor([[5, 2, 7, 1], [3, 0, 0, 0], [6, 6, 4, 0]])
LENGTHS = torch.tensor([4, 1, 3])


class Words(nn.Embedding):
    output_size = D


def make(cell=GRU, **options):
    torch.manual_seed(0)
    return RecurrentEncoder(Words(8, D), partial(cell, hidden_size=H), **options)


def scan(layer, x):
    """Outputs (T, H) of a one-way layer for one sequence (T, D), step by step."""
    state, outputs = layer.initial_state(1, x), []
    for step in x.unbind(0):
        output, state = layer.step(step.unsqueeze(0), state)
        outputs.append(output)
    return torch.cat(outputs)


@pytest.mark.parametrize(
    ("cell", "bidirectional", "num_layers"), pairs([RNN, LSTM, GRU], [False, True], [1, 2])
)
def test_outputs_and_finals_of_each_sequence(cell, bidirectional, num_layers):
    encoder = make(cell, bidirectional=bidirectional, num_layers=num_layers).double()
    encoded = encoder(INPUTS, LENGTHS)
    assert encoder.output_size == H * (1 + bidirectional)
    assert len(encoded.layers) == num_layers
    for row, length in enumerate(LENGTHS.tolist()):
        x = encoder.embedding(INPUTS[row, :length])
        for layer, final in zip(encoder.layers, encoded.layers, strict=True):
            if bidirectional:
                forward = scan(layer.forward_layer, x)
                backward = scan(layer.backward_layer, x.flip(0)).flip(0)
                x, expected = (
                    torch.cat([forward, backward], 1),
                    torch.cat([forward[-1], backward[0]]),
                )
            else:
                x = scan(layer, x)
                expected = x[-1]
            torch.testing.assert_close(final[row], expected)
        torch.testing.assert_close(encoded.outputs[row, :length], x)
        assert not encoded.outputs[row, length:].any()
    assert torch.equal(encoded.final, encoded.layers[-1])
    assert encoded.mask.tolist() == [[t < n for t in range(4)] for n in LENGTHS.tolist()]


def test_every_parameter_learns():
    encoder = make(LSTM, bidirectional=True, num_layers=2)
    encoder(INPUTS, LENGTHS).final.square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in encoder.parameters())


DROPOUTS = ("dropout", "input_dropout", "output_dropout", "word_dropout")


@pytest.mark.parametrize("locked", [False, True], ids=["free", "locked"])
@pytest.mark.parametrize("name", DROPOUTS)
def test_dropout_repeats_when_seeded_and_rests_in_evaluation(name, locked):
    encoder = make(num_layers=2, bidirectional=True, variational_dropout=locked, **{name: 0.5})

    def run(seed):
        torch.manual_seed(seed)
        encoded = encoder(INPUTS, LENGTHS)
        return torch.cat([encoded.outputs.flatten(), encoded.final.flatten()])

    assert torch.equal(run(1), run(1))
    assert not torch.equal(run(1), run(2))
    encoder.eval()
    assert torch.equal(run(1), run(2))
    plain = make(num_layers=2, bidirectional=True)
    expected = plain(INPUTS, LENGTHS)
    assert torch.equal(encoder(INPUTS, LENGTHS).outputs, expected.outputs)


def test_dropout_stands_between_layers_only():
    one = make(num_layers=1, dropout=0.9)
    assert torch.equal(one(INPUTS, LENGTHS).outputs, one.eval()(INPUTS, LENGTHS).outputs)
    two = make(num_layers=2, dropout=0.9)
    nn.init.normal_(two.layers[1].bias_ih_l0)  # outputs without a zero even where all is dropped
    trained, rested = two(INPUTS, LENGTHS), two.eval()(INPUTS, LENGTHS)
    assert torch.equal(trained.layers[0], rested.layers[0])
    assert not torch.equal(trained.layers[1], rested.layers[1])
    assert trained.outputs[0].ne(0).all()  # the last layer's own outputs are not dropped


@pytest.mark.parametrize(("locked", "same"), [(False, False), (True, True)])
def test_locked_dropout_drops_a_feature_at_all_steps_or_at_none(locked, same):
    encoder = make(output_dropout=0.5, variational_dropout=locked)
    torch.manual_seed(1)
    dropped = encoder(torch.randint(1, 8, (4, 9)), torch.full((4,), 9)).outputs == 0
    assert bool((dropped == dropped[:, :1]).all()) is same
    assert 0 < dropped.float().mean() < 1


def test_word_dropout_takes_whole_words_from_the_layers():
    encoder = make(word_dropout=0.5)
    seen = []
    encoder.word_dropout.register_forward_hook(lambda _, __, x: seen.append(x))
    encoder(torch.randint(1, 8, (4, 9)), torch.full((4,), 9))
    gone = seen[0] == 0
    assert torch.equal(gone, gone[..., :1].expand_as(gone))
    assert 0 < gone.float().mean() < 1


@pytest.mark.parametrize("bidirectional", [False, True])
def test_embedding_dropout_is_a_table_with_rows_dropped(bidirectional):
    """Outputs and gradients, against a table that is masked before it is looked up in."""
    made = partial(GRU, hidden_size=H)

    def new(**options):
        torch.manual_seed(1)
        table = TokenEmbedding(torch.randn(8, D))
        return RecurrentEncoder(table, made, bidirectional=bidirectional, **options).double()

    encoder, plain = new(embedding_dropout=0.5), new()
    torch.manual_seed(7)
    encoded = encoder(INPUTS, LENGTHS)
    encoded.outputs.square().sum().backward()
    torch.manual_seed(7)
    mask = torch.empty(8, dtype=torch.float64).bernoulli_(0.5) / 0.5
    assert mask[INPUTS[:, 0]].unique().numel() == 2  # some are dropped, some are not
    with torch.no_grad():
        plain.embedding.weight.mul_(mask.unsqueeze(1))
    expected = plain(INPUTS, LENGTHS)
    expected.outputs.square().sum().backward()
    torch.testing.assert_close(encoded.outputs, expected.outputs)
    masked = plain.embedding.weight.grad * mask.unsqueeze(1)
    torch.testing.assert_close(encoder.embedding.weight.grad, masked)


def test_embedding_dropout_of_numbers_is_refused():
    with pytest.raises(ConfigError, match=r"encoder\.embedding_dropout: the inputs are numbers"):
        RecurrentEncoder(Features(3), partial(GRU, hidden_size=H), embedding_dropout=0.1)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_the_last_layer_may_have_its_own_size(bidirectional):
    encoder = make(LSTM, num_layers=3, bidirectional=bidirectional, last_size=5).double()
    both = 1 + bidirectional
    assert [layer.output_size for layer in encoder.layers] == [H * both, H * both, 5 * both]
    assert encoder.output_size == 5 * both
    encoded = encoder(INPUTS, LENGTHS)
    assert encoded.outputs.shape == (3, 4, 5 * both)
    assert encoded.final.shape == (3, 5 * both)


def test_raw_outputs_are_those_before_dropout():
    encoder, plain = make(output_dropout=0.5), make()
    encoded = encoder(INPUTS, LENGTHS)
    assert torch.equal(encoded.raw, plain(INPUTS, LENGTHS).outputs)
    kept = encoded.outputs != 0
    torch.testing.assert_close(encoded.outputs[kept], 2 * encoded.raw[kept])
    assert not torch.equal(encoded.outputs, encoded.raw)
