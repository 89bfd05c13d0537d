"""Texts as streams of characters, subwords and words: nothing is lost, sizes are counted."""

import numpy as np
import pytest

from rnnlab.data.datasets.text_files import TextFiles
from rnnlab.data.spec import Spec
from rnnlab.data.stream_data import EOS
from rnnlab.data.vocab import UNK
from rnnlab.errors import ConfigError

LINES = ["one, two,  three", "", "  buckle my Größe!", "don't\u00a0stop \u200b", "🎉 the end "] * 4
TEXT = "".join(f"{line}\n" for line in LINES)


@pytest.fixture
def data(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNLAB_CACHE", str(tmp_path / "cache"))
    (tmp_path / "text.txt").write_text(TEXT)
    (tmp_path / "other.txt").write_text("日本 \x00 one\n")

    def make(level, **options):
        files = {split: str(tmp_path / "text.txt") for split in ("train", "val")}
        test = str(tmp_path / "other.txt")
        return TextFiles(level=level, **files, test=test, vocab_size=280, **options)

    return make


def read(data, split):
    return [data.spec().source_vocab.tokens[at] for at in data.examples(split).inputs]


@pytest.mark.parametrize("level", ["char", "bpe"])
def test_a_text_joins_back_to_itself(data, level):
    made = data(level)
    tokens = read(made, "train")
    assert made.tokenizers()[0].join(tokens) == TEXT
    assert tokens.count(made.line_end()) == len(LINES)
    if level == "bpe":
        assert len(tokens) < len(TEXT)
        assert len(made.spec().source_vocab) <= 282


def test_no_text_has_unknown_subwords(data):
    made = data("bpe", min_freq=3, max_vocab_size=9)
    assert UNK not in read(made, "test")
    assert UNK in read(data("char"), "test")


@pytest.mark.parametrize("level", ["char", "bpe", "word", "space"])
def test_what_a_token_stands_for(data, level):
    made = data(level)
    stream = made.examples("train")
    count, (words, characters) = len(stream), stream.token_size
    assert words * count == pytest.approx(len(TEXT.split()) + len(LINES))
    assert characters * count == pytest.approx(len(TEXT))


def test_blank_lines_are_their_ends_alone(data):
    tokens = " ".join(read(data("word"), "train"))
    assert f"three {EOS} {EOS} buckle" in tokens
    lines, types = data("word").sentences("train")
    assert len(lines) == len(LINES)
    assert [types[at] for at in lines[1]] == [EOS]


def test_a_model_brings_its_subwords(data, tmp_path):
    spec = Spec.from_dict(data("bpe").spec().to_dict())
    (tmp_path / "text.txt").write_text("quite other letters\n" * 9)
    again = data("bpe")
    again.reuse(spec)
    assert spec.source_tokenizer.join(read(again, "train")) == "quite other letters\n" * 9
    assert again.spec() == spec


def test_subwords_are_learnt_from_the_training_text_alone(data):
    one = data("bpe")
    assert np.isin(["t", "wo"], one.tokenizers()[0].split("two")).any()
    assert all("æ" not in token for token in one.tokenizers()[0].subwords[256:])  # of 日


def test_a_stride_needs_rows_that_stand_alone(data):
    for options in ({"eval_stride": 8}, {"eval_stride": 80, "carry": False}):
        with pytest.raises(ConfigError, match=r"data\.eval_stride: \d+ is for data\.carry=false"):
            data("char", **options)
