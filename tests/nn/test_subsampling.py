from functools import partial

import pytest
import torch
from torch import nn
from torch.nn import functional

from rnnlab.data.spec import Spec
from rnnlab.data.vocab import PAD, Vocab
from rnnlab.errors import ConfigError
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.nn.bow import BagOfWords
from rnnlab.nn.embedding import Features
from rnnlab.nn.recurrent import RecurrentEncoder
from rnnlab.nn.subsampling import Convolutions
from rnnlab.tasks.classify import Classify
from rnnlab.tasks.tag import Tag

F = 5


def sequences(lengths, features=F):
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(n, features, generator=generator).double() for n in lengths]


@pytest.mark.parametrize("factor", [2, 4])
def test_each_sequence_alone_is_the_plain_convolution(factor):
    torch.manual_seed(0)
    convolutions = Convolutions(F, factor).double()
    lengths = [9, 1, 2, 4, 5, 8]
    rows = sequences(lengths)
    padded = nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=float("nan"))
    outputs, counts = convolutions(padded, torch.tensor(lengths))
    assert outputs.shape[2] == convolutions.output_size
    assert counts.tolist() == [-(-n // factor) for n in lengths]
    for row, output, count in zip(rows, outputs, counts, strict=True):
        expected = row[None, None]
        for layer in convolutions.layers:
            expected = functional.conv2d(
                expected, layer.weight, layer.bias, stride=2, padding=1
            ).relu()
        expected = expected[0].permute(1, 0, 2).flatten(1)
        assert len(expected) == count
        torch.testing.assert_close(output[:count], expected)
        assert not output[count:].any()
        alone, none = convolutions(row[None], None)
        assert none is None
        torch.testing.assert_close(alone[0], expected)


@pytest.mark.parametrize(
    "make",
    [
        partial(RecurrentEncoder, cell=partial(LSTM, hidden_size=4), bidirectional=True),
        partial(RecurrentEncoder, cell=partial(GRU, hidden_size=4), num_layers=2),
        partial(BagOfWords, cell=partial(GRU, hidden_size=4)),
    ],
)
def test_encoder_reads_fewer_steps_and_padding_changes_nothing(make):
    torch.manual_seed(0)
    encoder = make(Features(F), subsampling=4).double()
    rows = sequences([9, 1, 6])
    padded = nn.utils.rnn.pad_sequence(rows, batch_first=True)
    encoded = encoder(padded, torch.tensor([9, 1, 6]))
    assert encoded.lengths.tolist() == [3, 1, 2]
    assert encoded.outputs.shape == (3, 3, encoder.output_size)
    for index, row in enumerate(rows):
        alone = encoder(row[None], None)
        count = int(encoded.lengths[index])
        torch.testing.assert_close(encoded.outputs[index, :count], alone.outputs[0])
        torch.testing.assert_close(encoded.final[index], alone.final[0])
    encoded.final.square().sum().backward()
    assert all(p.grad is not None and p.grad.any() for p in encoder.parameters())


def test_tokens_and_targets_at_each_step_are_refused():
    cell = partial(GRU, hidden_size=4)
    words = nn.Embedding(8, 3)
    words.output_size, words.types = 3, 8
    with pytest.raises(ConfigError, match=r"encoder\.subsampling: the inputs are tokens"):
        RecurrentEncoder(words, cell, subsampling=2)
    encoder = RecurrentEncoder(Features(F), cell, subsampling=2)
    labels = Vocab([PAD, "a", "b"])
    Classify(encoder, Spec(F, labels, "label"))
    with pytest.raises(ConfigError, match=r"encoder\.subsampling: each step has a target"):
        Tag(encoder, Spec(F, labels, "tags"), metric="accuracy")
