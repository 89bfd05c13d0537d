from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from rnnlab.data.characters import encode_characters
from rnnlab.data.vocab import PAD, UNK, Vocab
from rnnlab.layers.gru import GRU
from rnnlab.layers.lstm import LSTM
from rnnlab.layers.rnn import RNN
from rnnlab.nn.characters import CharacterCNN, CharacterRNN, StackedEmbedding, WordShapeOnly
from rnnlab.nn.embedding import RandomVectors
from rnnlab.nn.word_shape import SHAPES, WordShape

LETTERS = Vocab([PAD, UNK, *"abcXYZ019-."])
TEXTS = [["ab", "a", "XYZ-1"], ["a"], ["abc0.", "ab"]]


def words(texts=TEXTS):
    return encode_characters(texts, LETTERS).batch(np.arange(len(texts)))


def cell(kind):
    return lambda size, hidden: kind(size, hidden_size=hidden)


CELLS = [RNN, LSTM, GRU]
KINDS = [
    partial(CharacterCNN, LETTERS, cell(LSTM), embedding_dim=5, filters=4),
    *(partial(CharacterRNN, LETTERS, cell(kind), embedding_dim=5, hidden_size=3) for kind in CELLS),
    partial(WordShapeOnly, LETTERS, cell(LSTM), shape_size=3),
]


def make(kind, **options):
    torch.manual_seed(0)
    return kind(**options).double()


@pytest.mark.parametrize("width", [1, 2, 3, 5])
def test_filters_equal_a_loop_over_windows(width):
    features = make(KINDS[0], kernel_size=width)
    batch = words()
    found = features(batch)
    weight = features.filters.weight.view(4, width, 5)
    for row, length in enumerate(batch.lengths.tolist()):
        letters = features.letters.weight[batch.characters[row, :length]]
        best = []
        for start in range(length):
            total = features.filters.bias.clone()
            for offset in range(width):
                place = start + offset - (width - 1) // 2
                if 0 <= place < length:
                    total = total + weight[:, offset] @ letters[place]
            best.append(total)
        torch.testing.assert_close(found[row], torch.stack(best).max(0).values)


@pytest.mark.parametrize("kind", CELLS)
def test_recurrent_features_equal_a_word_read_alone(kind):
    features = make(partial(CharacterRNN, LETTERS, cell(kind), embedding_dim=5, hidden_size=3))
    batch = words()
    found = features(batch)
    for row, length in enumerate(batch.lengths.tolist()):
        letters = features.letters.weight[batch.characters[row, :length]].unsqueeze(0)
        ends = []
        for layer, x in (
            (features.layer.forward_layer, letters),
            (features.layer.backward_layer, letters.flip(1)),
        ):
            state = layer.initial_state(1, x)
            for step in x.unbind(1):
                output, state = layer.step(step, state)
            ends.append(output[0])
        torch.testing.assert_close(found[row], torch.cat(ends))


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_learns_and_padding_does_not(kind):
    features = make(kind)
    found = features(words([["ab", "XYZ-1", "0a", "c.", "X"], ["9bZ"]]))
    assert found.shape == (6, features.output_size)
    found.square().sum().backward()
    for name, parameter in features.named_parameters():
        assert parameter.grad.any(), name
        if name.startswith("letters"):
            assert not parameter.grad[0].any()
            assert not parameter[0].any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_longer_word_beside_it_changes_nothing(kind):
    features = make(kind)
    alone, beside = features(words([["ab"]])), features(words([["ab", "abcabcabc"]]))
    torch.testing.assert_close(alone[0], beside[0])


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_shape_is_an_option(kind):
    features = make(kind, shape_size=2)
    assert features.output_size == make(kind).output_size + 2
    found = features(words([["ab", "bc", "AB"]]))
    torch.testing.assert_close(found[0, -2:], found[1, -2:])
    assert not torch.equal(found[0, -2:], found[2, -2:])


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_dropout_of_letters_rests_in_evaluation(kind):
    features = make(kind, dropout=0.5)
    assert not torch.equal(features(words()), features(words()))
    features.eval()
    assert torch.equal(features(words()), features(words()))


def test_words_of_one_shape():
    shape = WordShape(LETTERS, 4)
    letters = "abcXYZ019-.?"
    groups = [
        ["a", "abc"], ["X", "XYZ"], ["Xa", "Zbc"], ["aX", "XaZ", "XYa"],
        ["0", "19"], ["a0"], ["X0"], ["-", "..", "?"], ["a-b", "a?"], ["1.0"], ["Xa-1"],
    ]  # fmt: skip
    assert all(set(word) <= set(letters) for group in groups for word in group)
    found = []
    for group in groups:
        batch = words([[word] for word in group])
        (only,) = shape.shapes(batch.characters, batch.lengths).unique().tolist()
        found.append(only)
    assert len(set(found)) == len(groups), "shapes are told apart"


@given(st.text(alphabet="abcXYZ019-.?", min_size=1, max_size=7))
def test_shapes_are_what_python_says_of_a_word(word):
    batch = words([[word]])
    (shape,) = WordShape(LETTERS, 2).shapes(batch.characters, batch.lengths).tolist()
    letters = "".join(filter(str.isalpha, word))
    if not letters:
        case = 0
    elif letters.islower():
        case = 1
    elif letters.isupper():
        case = 2
    else:
        case = 3 if word[0].isupper() and letters[1:].islower() else 4
    digits = sum(map(str.isdecimal, word))
    share = 2 if digits == len(word) else int(digits > 0)
    assert shape == case * 6 + share * 2 + any(not c.isalnum() for c in word)
    assert 0 <= shape < SHAPES


def test_vectors_and_features_stand_side_by_side():
    torch.manual_seed(0)
    source = Vocab([PAD, UNK, "ab", "a"])
    tokens = RandomVectors(embedding_dim=3).module(source)
    embedding = StackedEmbedding(tokens, CharacterCNN(LETTERS, cell(LSTM), filters=4))
    ids = torch.tensor([[2, 3, 1], [3, 0, 0], [1, 2, 0]])
    batch = words()
    found = embedding(ids, batch)
    assert embedding.output_size == found.shape[2] == 7
    assert torch.equal(found[..., :3], tokens(ids))
    features = embedding.features(batch)
    for row, text in enumerate(TEXTS):
        for step in range(len(text)):
            assert torch.equal(found[row, step, 3:], features[batch.index[row, step]])
    assert not torch.equal(found[0, 2], found[2, 0]), "unknown words are told apart"
    assert embedding.weight is tokens.weight


def test_letters_start_as_ma_and_hovy_draw_them():
    features = CharacterCNN(LETTERS, cell(LSTM), embedding_dim=30)
    assert features.letters.weight[1:].abs().max() <= (3 / 30) ** 0.5
    assert isinstance(features.letters.weight, nn.Parameter)
