import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnlab.data.tokenizer import Tokenizer


def test_words_keep_inner_apostrophes_and_part_punctuation():
    words = Tokenizer("word", lower=True)
    assert words.split("Don't STOP, it's 9.5!") == [
        "don't", "stop", ",", "it's", "9", ".", "5", "!",
    ]  # fmt: skip


def test_html_line_breaks_are_blanks():
    for mark in ("<br />", "<br/>", "<br>", "<BR />"):
        text = f"end.{mark}{mark}Next"
        assert Tokenizer("word", lower=True).split(text) == ["end", ".", "next"]
        assert "br" not in Tokenizer("word").split(text)


def test_c1_controls_do_not_join_or_break_anything():
    # U+0085 is a line end to str.splitlines, U+0096 is a mis-decoded dash
    assert Tokenizer("word").split("one\x85two \x96 three") == ["one", "two", "\x96", "three"]


@given(st.text())
def test_words_lose_white_space_alone(text):
    without = text.replace("<", "")
    assert "".join(Tokenizer("word").split(without)) == re.sub(r"\s", "", without)


@given(st.text())
def test_characters_join_to_the_text(text):
    tokenizer = Tokenizer("char")
    assert tokenizer.join(tokenizer.split(text)) == text


def test_blank_text_has_no_tokens():
    for level in ("space", "word"):
        for text in ("", " \t\n", "\u00a0"):
            assert Tokenizer(level).split(text) == []


def test_a_model_is_for_bpe_alone():
    for level, model in (("bpe", None), ("word", "{}")):
        with pytest.raises(ValueError, match="bpe"):
            Tokenizer(level, model=model)


def test_round_trip():
    tokenizer = Tokenizer("word", lower=True)
    assert Tokenizer.from_dict(tokenizer.to_dict()) == tokenizer
