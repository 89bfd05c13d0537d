import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnlab.data.vocab import END, PAD, START, UNK, Vocab


def test_build_orders_by_count_then_alphabet():
    vocab = Vocab.build({"b": 2, "a": 2, "rare": 1, "most": 9}, min_freq=2)
    assert vocab.tokens == (PAD, UNK, "most", "a", "b")


def test_max_size_does_not_count_specials():
    vocab = Vocab.build({"a": 3, "b": 2, "c": 1}, specials=(PAD, UNK, START, END), max_size=2)
    assert vocab.tokens == (PAD, UNK, START, END, "a", "b")
    assert (vocab.start_id, vocab.end_id) == (2, 3)


@given(st.dictionaries(st.text(max_size=5), st.integers(1, 9)), st.integers(1, 9))
def test_every_frequent_token_has_an_id_of_its_own(counts, min_freq):
    vocab = Vocab.build(counts, min_freq=min_freq)
    for token, count in counts.items():
        if count >= min_freq and token not in (PAD, UNK, START, END):
            assert vocab.tokens[vocab.id(token)] == token
        else:
            assert vocab.id(token) == 1


def test_unknown_is_an_error_where_there_is_no_unk():
    labels = Vocab(["neg", "pos"])
    assert labels.ids(["pos", "neg"]) == [1, 0]
    with pytest.raises(KeyError, match="neutral"):
        labels.id("neutral")


@pytest.mark.parametrize("control", [PAD, START, END])
def test_control_tokens_in_a_text_are_unknown_words(control):
    vocab = Vocab.build({control: 5, "a": 1}, specials=(PAD, UNK, START, END))
    assert vocab.id(control) == vocab.id("never seen") == 1
    assert vocab.tokens.count(control) == 1


def test_a_label_may_have_the_name_of_a_control_token():
    assert Vocab(["<s>", "x"]).id("<s>") == 0


def test_no_token_twice():
    with pytest.raises(ValueError, match="twice"):
        Vocab(["a", "a"])


def test_extension_stands_behind_the_base_and_is_not_stored():
    base = Vocab.build({"Paris": 1, "a": 2})
    wide = base.extend(["a", "london", "paris"], lower_fallback=True)
    assert wide.tokens == (PAD, UNK, "a", "Paris", "london", "paris")
    assert wide.base_size == len(base)
    assert wide.id("Paris") == 3
    assert wide.id("LONDON") == 4
    assert wide.id("nowhere") == 1
    assert wide.to_dict() == base.to_dict()
    assert wide == base


def test_extending_twice_replaces_the_extension():
    base = Vocab.build({"a": 1})
    again = base.extend(["x"], lower_fallback=True).extend(["y"], lower_fallback=False)
    assert again.tokens == (PAD, UNK, "a", "y")
    assert again.id("A") == 1


def test_round_trip_through_json():
    vocab = Vocab.build({"é": 2, "\x96": 1})
    again = Vocab.from_dict(json.loads(json.dumps(vocab.to_dict())))
    assert again == vocab
    assert again.tokens == vocab.tokens
    assert vocab != Vocab(["a"])
