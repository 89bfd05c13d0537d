import re
import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st

from rnnlab.data.bpe import train_bpe
from rnnlab.data.tokenizer import Tokenizer

TEXTS = ["Ein Mann fährt ein Fahrrad.", "Eine Frau fährt Ski.", "Zwei Männer fahren."] * 5
MODEL = train_bpe(TEXTS, size=300, lower=False)
# Unicode's White_Space
BLANKS = re.compile("[\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+")


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_text_joins_back_to_itself_with_single_blanks(text):
    tidy = BLANKS.sub(" ", text.replace("\u200b", "")).strip(" ")
    assert MODEL.join(MODEL.split(text)) == tidy


def test_unknown_characters_and_special_looking_tokens_survive():
    for text in ("日本語 🎉", "a </s> <unk> <pad>", "it's 42%, don't"):
        tokens = MODEL.split(text)
        assert MODEL.join(tokens) == text
        assert not {"</s>", "<unk>", "<pad>"} & set(tokens)


def test_frequent_words_become_one_token_and_the_size_is_kept():
    assert len(MODEL.split("fährt")) < len("fährt".encode())
    tokens = {token for text in TEXTS for token in MODEL.split(text)}
    assert len(tokens) <= 300


def test_lower_casing_comes_before_learning_and_splitting():
    lower = train_bpe(TEXTS, size=300, lower=True)
    assert lower.join(lower.split("EIN Mann FÄHRT")) == "ein mann fährt"


def test_blank_text_has_no_tokens():
    assert MODEL.split(" \u00a0\u200b ") == []
    assert MODEL.join([]) == ""


def test_round_trip_keeps_the_model():
    again = Tokenizer.from_dict(MODEL.to_dict())
    assert again.split("Ein Mann") == MODEL.split("Ein Mann")


def test_learning_is_the_same_in_every_process():
    code = f"""
from rnnlab.data.bpe import train_bpe
import sys
sys.stdout.buffer.write(train_bpe({TEXTS!r}, size=300, lower=False).model.encode())
"""
    made = [
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True).stdout
        for _ in range(2)
    ]
    assert made[0].decode() == made[1].decode() == MODEL.model
