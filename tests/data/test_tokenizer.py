import re
import unicodedata

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


@given(st.text() | st.text("aé\u0301\u00ad\u200d\u200c👩'’·.é ग\u093f\u094d\U0001f1e9ק\"\x1c"))
def test_words_lose_white_space_alone(text):
    without = text.replace("<", "")
    first = Tokenizer("word", version=1)
    assert "".join(first.split(without)) == re.sub(r"\s", "", without)
    without = unicodedata.normalize("NFC", without)
    found = Tokenizer("word").split(without)
    assert "".join(found) == re.sub(r"\s", "", without)
    end = 0
    for token in found:
        start = without.index(token, end)
        mark = unicodedata.category(token[0]) in ("Mn", "Mc", "Me")
        assert not (mark and start == end > 0 and without[start - 1].isalpha())
        end = start + len(token)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("मैंने हिन्दी सीखी।", "मैंने हिन्दी सीखी ।"),
        ("நான் தமிழ் படிக்கிறேன்", "நான் தமிழ் படிக்கிறேன்"),
        ("আমি বাংলা পড়ি", "আমি বাংলা পড়ি"),
        ("مُحَمَّدٌ كَتَبَ.", "مُحَمَّدٌ كَتَبَ ."),
        ("نمی\u200cدانم", "نمی\u200cدانم"),
        ('בְּרֵאשִׁית אב"ג, "טוב"', 'בְּרֵאשִׁית אב"ג , " טוב "'),
        ("re\u0301sume\u0301 nai\u0308ve!", "résumé naïve !"),
        ("L’été, aujourd'hui", "L’été , aujourd'hui"),
        ("xarxa paral·lela", "xarxa paral·lela"),
        ("👩\u200d🚀👍🏽 🇫🇮🇪🇪 ❤\ufe0f3\ufe0f\u20e3", "👩\u200d🚀 👍🏽 🇫🇮 🇪🇪 ❤\ufe0f 3\ufe0f\u20e3"),
        ("Wasser\u00adfall\u00ad é", "Wasser\u00adfall \u00ad é"),
        ("ฉันรักแมว มาก", "ฉันรักแมว มาก"),
        ("我喜欢猫。", "我喜欢猫 。"),
        ("3,5 é a.b", "3 , 5 é a . b"),
    ],
)  # fmt: skip
def test_words_of_many_scripts_are_whole(text, words):
    assert Tokenizer("word").split(text) == unicodedata.normalize("NFC", words).split(" ")


def test_the_dotted_capital_has_a_small_letter_of_its_own():
    assert Tokenizer("word", lower=True).split("İZMİR I\u0307zmir IRMAK") == [
        "izmir",
        "izmir",
        "irmak",
    ]
    assert Tokenizer("word", lower=True, version=1).split("İz") == ["i", "\u0307", "z"]


@given(st.text("ab' ._<>\"\x1c\x85\t9", max_size=30))
def test_versions_agree_where_no_mark_is(text):
    first, second = Tokenizer("word", version=1), Tokenizer("word")
    assert first.split(text) == second.split(text)
    assert first.split(text + " é") == second.split(text + " é")


def test_words_of_a_model_that_knew_one_kind_stay_as_they_were():
    stored = {"level": "word", "lower": True, "model": None}
    old = Tokenizer.from_dict(stored)
    assert old.split("हिन्दी") == ["ह", "\u093f", "न", "\u094d", "द", "\u0940"]
    assert Tokenizer.from_dict(old.to_dict()) == old != Tokenizer("word", lower=True)
    assert Tokenizer.from_dict(stored | {"level": "char"}) == Tokenizer("char", lower=True)


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
