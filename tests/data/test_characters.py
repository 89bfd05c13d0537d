import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnlab.data.characters import (
    MAX_CHARACTERS,
    character_vocab,
    encode_characters,
    word_characters,
)
from rnnlab.data.datasets.conll_files import CoNLLFiles
from rnnlab.data.datasets.copying import Copying
from rnnlab.data.spec import Spec
from rnnlab.data.vocab import PAD, UNK, Vocab
from rnnlab.errors import ConfigError

LETTERS = Vocab([PAD, UNK, *"abcd漢🙂"])
WORD = st.text(alphabet="abcdXY漢🙂\ud800", min_size=1, max_size=6)
TEXT = st.lists(WORD, max_size=5)


def read(words, step, row):
    """Characters of the word at a step, by id, without the padding."""
    place = words.index[row, step]
    return words.characters[place, : words.lengths[place]].tolist()


@given(st.lists(TEXT, min_size=1, max_size=5))
def test_every_step_has_the_letters_of_its_word(texts):
    words = encode_characters(texts, LETTERS).batch(np.arange(len(texts)))
    for row, text in enumerate(texts):
        for step, word in enumerate(text or [UNK]):
            assert read(words, step, row) == [LETTERS.id(letter) for letter in word]
    distinct = {word for text in texts for word in text or [UNK]}
    assert len(words.characters) == len(distinct), "each word once"
    assert words.index.shape == (len(texts), max(len(text or [UNK]) for text in texts))
    for row, length in zip(words.characters, words.lengths, strict=True):
        assert length >= 1
        assert not row[length:].any()
    assert words.characters.shape[1] == words.lengths.max()


@given(st.lists(TEXT, min_size=2, max_size=6), st.data())
def test_a_batch_is_of_the_chosen_rows_alone(texts, data):
    encoded = encode_characters(texts, LETTERS)
    rows = data.draw(st.lists(st.integers(0, len(texts) - 1), min_size=1, max_size=4))
    words = encoded.batch(np.array(rows))
    alone = encode_characters([texts[row] for row in rows], LETTERS).batch(np.arange(len(rows)))
    assert words.index.shape == alone.index.shape
    assert len(words.lengths) == len(alone.lengths)
    for place, row in enumerate(rows):
        for step in range(max(1, len(texts[row]))):
            assert read(words, step, place) == read(alone, step, place)


def test_the_alphabet_is_that_of_the_words_and_rare_letters_are_unknown():
    """A sign that always stands alone is in one word, and not rare for that."""
    letters = character_vocab({"abba": 1, "cab": 2, '"': 7, "🙂🙂": 2, "x": 2})
    assert letters.tokens == (PAD, UNK, '"', "a", "b", "🙂")
    assert word_characters(["xa🙂c"], letters)[0].tolist() == [1, 3, 5, 1]


def test_endless_words_are_cut():
    assert word_characters(["a" * 9999, "b"], LETTERS).lengths.tolist() == [MAX_CHARACTERS, 1]


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "train.conll").write_text("aab O\nbba O\n\ncc O\naab O\n\nonce B-X\n")
    (tmp_path / "test.conll").write_text("abba O\ncab O\nzab O\n\naab O\n")
    return {split: str(tmp_path / f"{split}.conll") for split in ("train", "test")}


def test_unseen_and_rare_words_keep_their_letters(files):
    data = CoNLLFiles(**files, min_freq=2)
    data.use_characters()
    letters = data.spec().characters
    batch = data.examples("test").batch(np.array([0, 1]))
    names = data.spec().source.tokens
    assert [names[at] for at in batch.inputs[0]] == [UNK] * 3
    assert names[batch.inputs[1, 0]] == "aab"
    places = [(0, 0), (1, 0), (2, 0), (0, 1)]
    spelled = [[letters.tokens[at] for at in read(batch.words, *place)] for place in places]
    assert spelled == [list("abba"), list("cab"), [UNK, "a", "b"], list("aab")]


def test_words_are_cut_with_the_sentence(files):
    data = CoNLLFiles(**files, max_length=2)
    data.use_characters()
    batch = data.examples("test").batch(np.array([0, 1]))
    assert batch.words.index.shape == batch.inputs.shape == (2, 2)
    assert len(batch.words.lengths) == 3


def test_nobody_spells_unasked(files):
    data = CoNLLFiles(**files)
    assert data.spec().characters is None
    assert data.examples("train").batch(np.array([0])).words is None


def test_a_trained_model_decides_about_the_alphabet(files):
    data = CoNLLFiles(**files)
    data.use_characters()
    spec = Spec.from_dict(data.spec().to_dict())
    assert spec == data.spec()
    other = CoNLLFiles(test=files["test"])
    other.reuse(spec)
    one, two = (each.examples("test").batch(np.array([0])) for each in (data, other))
    assert torch.equal(one.words.characters, two.words.characters)
    plain = CoNLLFiles(**files)
    assert Spec.from_dict({k: v for k, v in plain.spec().to_dict().items() if k != "characters"})
    other.reuse(plain.spec())
    assert other.examples("test").batch(np.array([0])).words is None


def test_data_without_words():
    with pytest.raises(ConfigError, match=r"^characters: Copying gives no words; choose none$"):
        Copying().use_characters()


def test_words_move_with_their_batch(files):
    data = CoNLLFiles(**files)
    data.use_characters()
    batch = data.examples("train").batch(np.array([0]))
    moved = batch.to("meta")
    assert moved.words.index.device.type == moved.words.characters.device.type == "meta"
    assert moved.words.lengths.device.type == "meta"
